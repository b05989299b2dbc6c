"""What `valgrind --tool=callgrind` wrote: instructions and calls by function."""

import collections
import re

_NAME = re.compile(r"\((\d+)\)(?: (.*))?\Z")


class Profile:
    """Instructions of a run in all and by function, and the number of calls by caller and callee."""

    def __init__(self, path):
        self.instructions = 0
        self.own = collections.Counter()
        self.inclusive = collections.Counter()
        self.calls = collections.Counter()
        self._read(path)

    def _read(self, path):
        names, function, callee, is_call_cost = {}, "", "", False
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                line = line.rstrip("\n")
                if not line:
                    continue
                if line[0] in "0123456789+-*":
                    cost = int(line.split(" ")[1])
                    if is_call_cost:
                        if callee != function:
                            self.inclusive[function] += cost
                        is_call_cost = False
                    else:
                        self.own[function] += cost
                        self.inclusive[function] += cost
                elif line.startswith("fn="):
                    function = self._name(line[3:], names)
                elif line.startswith("cfn="):
                    callee = self._name(line[4:], names)
                elif line.startswith("calls="):
                    self.calls[function, callee] += int(line[6:].split(" ")[0])
                    is_call_cost = True
                elif line.startswith("totals:"):
                    self.instructions = int(line.split()[1])

    @staticmethod
    def _name(text, names):
        match = _NAME.match(text)
        if not match:
            return text
        number, name = match.groups()
        if name is not None:
            names[number] = name
        return names[number]

    def calls_of(self, *callees):
        """How often any of the functions was called, by whomever."""
        return sum(count for (_, callee), count in self.calls.items() if callee in callees)
