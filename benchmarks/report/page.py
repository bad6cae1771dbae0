"""A report as one page of HTML that needs nothing else."""
import html

import quantities
from measurements import Roofs
from roofline import plot

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff; max-width: 1080px; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p, .muted { color: #59636e; } p { max-width: 48rem; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: 4px 10px 4px 0; border-bottom: 1px solid #e6e8eb; vertical-align: top; }
th { color: #59636e; font-weight: 600; } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td { white-space: nowrap; } td.muted { white-space: normal; } td code { font-size: 12px; }
.bar { display: inline-block; width: 80px; height: 9px; background: #eef0f2; border-radius: 2px; margin-right: 8px; }
.bar i { display: block; height: 100%; background: #1f6fd6; border-radius: 2px; }
.bad { color: #b0254f; font-weight: 600; } .good { color: #23834f; }
svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; }
svg .grid { stroke: #e9ebee; } svg .tick, svg .axis { fill: #59636e; } svg .axis { font-size: 12px; }
svg .name, svg .roof-name { paint-order: stroke; stroke: #fff; stroke-width: 3px; stroke-linejoin: round; }
svg .roof { stroke: #3d444d; stroke-width: 1.4; } svg .roof-name { fill: #3d444d; font-weight: 600; }
svg .stem { stroke: #b9c0c8; stroke-dasharray: 2 3; } svg .leader { stroke: #d5dae0; } svg .dot { stroke: #fff; }
"""


def cell(words, kind=""):
    return f"<td{kind and f' class={kind!r}'}>{words}</td>"


def table(heads, rows):
    head = "".join(f"<th{' class=number' if name.endswith('#') else ''}>{name.rstrip('#')}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"


def operation_row(one, roofs):
    name = cell(f"<code>{html.escape(one.name)}</code>")
    if one.skipped:
        return name + f'<td colspan="5" class="muted">{html.escape(one.skipped)}</td>'
    kind, share = roofs.bound(one)[1], roofs.share(one)
    bar = ""
    if share:
        bar = f'<span class="bar"><i style="width:{min(share, 1) * 100:.0f}%"></i></span>{share:.2f} {kind}'
    spread = (max(one.seconds) - min(one.seconds)) / one.median
    return (name + cell(quantities.seconds(one.median), "number") + cell(f"{spread * 100:.0f} %", "number")
            + cell(quantities.operation_rate(one, kind), "number") + cell(bar)
            + cell(html.escape(quantities.error(one)), "" if one.accurate else "bad"))


def ratio_row(row):
    reached = quantities.reached(row)
    return (cell(html.escape(row["operation"])) + cell(html.escape(row["peer"]))
            + cell(quantities.seconds(row["ours"]), "number") + cell(quantities.seconds(row["theirs"]), "number")
            + cell(quantities.ratio(row["ratio"]), f"number {({'yes': 'good', 'no': 'bad'}).get(reached, '')}")
            + cell(quantities.ratio(row["wanted"]), "number") + cell(html.escape(row["note"]), "muted"))


def html_of_operations(operations):
    roofs = Roofs(operations)
    parts = []
    for threads in sorted({one.threads for one in operations}):
        drawing = plot(operations, roofs, threads)
        if drawing:
            parts.append(f"<h2>Roofline, {threads} thread{'s' * (threads > 1)}</h2>{drawing}")
    if parts:
        parts.append("<p>The lines are what this machine reached in the same run: reading, reading and writing "
                     "back, and multiply-adds from registers at each level of instruction set. A dotted line leads "
                     "from an operation to its own roof. What stays in a cache is in the table only.</p>")
    parts.append("<h2>Operations</h2>" + table(
        ["operation", "median#", "spread#", "rate#", "share of its roof", "against float64"],
        [operation_row(one, roofs) for one in operations]))
    return "".join(parts)


def html_of_ratios(rows):
    return "<h2>Against others</h2>" + table(
        ["operation", "peer", "ours#", "peer's#", "ratio#", "wanted#", ""], [ratio_row(row) for row in rows])


def page(report):
    about = report.machine
    line = (f"{about['processor']}, {about['cores']} cores, load {about['load']:.1f} at the start. "
            f"{about['date']}, {about['commit']}.")
    return ('<!doctype html><html lang="en"><meta charset="utf-8"><title>visplay benchmarks</title>'
            '<meta name="viewport" content="width=device-width">'
            f"<style>{STYLE}</style><h1>visplay benchmarks</h1><p>{html.escape(line)}</p>"
            + (html_of_operations(report.operations) if report.operations else "")
            + (html_of_ratios(report.ratios) if report.ratios else "") + "</html>\n")
