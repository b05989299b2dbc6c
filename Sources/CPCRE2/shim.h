/* PCRE2 for bytes: regular expressions of ACLs, maps, rules and converters. */
#ifndef MARTLET_CPCRE2_H
#define MARTLET_CPCRE2_H
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#endif
