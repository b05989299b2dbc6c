"""Configurations of rules that are evaluated for each request: lines for a frontend, and the files that they name."""

import os

ENTRIES = 10_000
# What the load asks for: the last of the paths in the maps.
PATH = f"/tenant-{ENTRIES - 1}/index"

# One of each for every ten rules; none of them ends the evaluation, and of the conditions only the last one holds.
_TEN = """\
    http-request set-header x-route-{i} a if {{ path_beg /area-{i}/ }}
    http-request deny if {{ path_end .ext{i} }}
    http-request set-header x-host-{i} b if {{ hdr(host) -i host-{i}.example.com }}
    http-request deny if {{ src 10.{i}.0.0/16 }}
    http-request set-header x-agent-{i} c if {{ hdr_sub(user-agent) -i robot-{i} }}
    http-request deny if {{ method TRACE }} or {{ path_sub /secret-{i}/ }}
    http-request set-var(txn.v{i}) hdr(host),lower
    http-request deny if {{ var(txn.v{i}) -m str nowhere-{i} }}
    http-request del-header x-forwarded-{i}
    http-request set-header x-number-{i} %[src] if {{ path_beg / }} !{{ path_len {i} }}
"""


def hundred_rules(_):
    """100 `http-request` rules with 100 conditions and more, of which 10 add a field to the request."""
    return "".join(_TEN.format(i=number + 200) for number in range(10))


def maps(folder):
    """Three lookups in maps of 10,000 entries: by the path, by its longest prefix, and by the client's network."""
    entries = {
        "exact": [f"/tenant-{number}/index pool-{number % 16}" for number in range(ENTRIES)],
        "prefix": [f"/tenant-{number}/ pool-{number % 16}" for number in range(ENTRIES)],
        "network": ["127.0.0.0/8 here"]
        + [f"10.{number // 256}.{number % 256}.0/24 net-{number % 16}" for number in range(ENTRIES - 1)],
    }
    for name, lines in entries.items():
        with open(os.path.join(folder, f"{name}.map"), "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
    return (f"    http-request set-header x-exact %[path,map({folder}/exact.map,none)]\n"
            f"    http-request set-header x-prefix %[path,map_beg({folder}/prefix.map,none)]\n"
            f"    http-request set-header x-network %[src,map_ip({folder}/network.map,none)]\n")
