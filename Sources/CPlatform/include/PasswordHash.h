// Hashes of crypt(3), as user lists have them.
#ifndef MARTLET_PASSWORDHASH_H
#define MARTLET_PASSWORDHASH_H

// 1 if a password has that hash, else 0. Any thread; it may take milliseconds, as such hashes are meant to.
int host_password_matches(const char *password, const char *hash);

#endif
