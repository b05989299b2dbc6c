#define _GNU_SOURCE
#include "PasswordHash.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

int host_password_matches(const char *password, const char *hash) {
    // Too large for the stack of a worker, and needed at logins only.
    struct crypt_data *data = calloc(1, sizeof *data);
    if (!data)
        return 0;
    const char *made = crypt_r(password, hash, data);
    // A hash that crypt(3) does not know gives a text that begins with '*', or nothing.
    int matches = made && made[0] != '*' && strcmp(made, hash) == 0;
    explicit_bzero(data, sizeof *data);
    free(data);
    return matches;
}
