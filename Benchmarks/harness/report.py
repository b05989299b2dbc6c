"""Medians, tables in Markdown, and the facts of the machine."""

import datetime
import os
import platform
import statistics

from . import cases, programs

# How each figure is printed: heading, factor, format.
COLUMNS = {
    "cpu": ("CPU per request (us)", 1e6, "{:.1f}"),
    "user": ("user (us)", 1e6, "{:.1f}"),
    "instructions": ("instructions in user space", 1, "{:.0f}"),
    "system": ("system (us)", 1e6, "{:.1f}"),
    "throughput": ("requests per second", 1, "{:.0f}"),
    "offered": ("offered per second", 1, "{:.0f}"),
    "p50": ("p50 (ms)", 1e3, "{:.3f}"),
    "p99": ("p99 (ms)", 1e3, "{:.3f}"),
    "cpu_share": ("CPU (share of a core)", 1, "{:.2f}"),
    "bytes": ("bytes per connection", 1, "{:.0f}"),
    "total": ("memory in all (KiB)", 1 / 1024, "{:.0f}"),
    "calls": ("system calls per request", 1, "{:.2f}"),
    "size_bytes": ("size (KiB)", 1 / 1024, "{:.0f}"),
    "version": ("-v (ms)", 1e3, "{:.2f}"),
    "first_response": ("start to first response (ms)", 1e3, "{:.2f}"),
}


def median_of(rounds):
    """The median of each figure over the rounds; what is no number is kept from the last."""
    result = {}
    for name, value in rounds[-1].items():
        values = [figures[name] for figures in rounds]
        result[name] = statistics.median(values) if isinstance(value, (int, float)) else value
    return result


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join("---" for _ in header) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def case_table(case, medians, failures):
    names = [name for name in COLUMNS if any(name in figures for figures in medians.values())]
    reference = medians.get("haproxy", {}).get(case.figure)
    rows = []
    for program, figures in medians.items():
        row = [program]
        for name in names:
            _, factor, form = COLUMNS[name]
            row.append(form.format(figures[name] * factor) if name in figures else "")
        row.append(f"{figures[case.figure] / reference:.2f}" if reference else "")
        rows.append(row)
    for program, reason in failures.items():
        rows.append([program, f"failed: {reason}"] + [""] * len(names))
    text = f"### {case.name}: {case.title}\n\n"
    text += table(["program", *(COLUMNS[name][0] for name in names), "ratio to haproxy"], rows)
    for program, figures in medians.items():
        if "by_name" in figures:
            calls = ", ".join(f"{name} {count:.2f}" for name, count in figures["by_name"].items())
            text += f"\n\n{program}: {calls}"
    return text + "\n"


def summary(measured):
    """One row for each case: the ratios of all programs to haproxy, and the budgets of readiness pollers and rings."""
    others = []
    for _, medians, _ in measured:
        others += [name for name in medians if name != "haproxy" and name not in others]
    rows = []
    for case, medians, _ in measured:
        reference = medians.get("haproxy", {}).get(case.figure)
        if not reference or not others:
            continue
        row = [case.title, COLUMNS[case.figure][0]]
        row += [f"{medians[name][case.figure] / reference:.2f}" if name in medians else "" for name in others]
        budgets = [case.budget, case.ring_budget] if case.budget else []
        rows.append(row + [" / ".join(f"{budget:.2f}" for budget in dict.fromkeys(budgets))])
    if not rows:
        return ""
    return "### Ratios to haproxy (smaller is better)\n\n" + table(["case", "figure", *others, "budget"], rows) + "\n"


def machine_facts(compared):
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    origin = programs.find("nginx")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "kernel": platform.release(),
        "processor": model,
        "cores": os.cpu_count(),
        "load_average_before": os.getloadavg()[0],
        "versions": {program.name: program.version() for program in compared},
        "origin": cases.command_version(origin, "-v") if origin else None,
        "wrk": cases.command_version("wrk", "-v"),
        "h2load": cases.command_version("h2load", "--version"),
    }
