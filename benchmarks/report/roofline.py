"""A roofline plot as SVG: FLOP per byte of memory against FLOP a second, both on logarithmic scales."""
import html
import math
import re
from dataclasses import dataclass

from quantities import rate, seconds

WIDTH, HEIGHT = 1040, 600
LEFT, RIGHT, TOP, BOTTOM = 84, 24, 20, 56  # margins
LETTER, LINE = 6.3, 14  # of labels: width and height in pixels
COLOURS = ("#1f6fd6", "#d2590f", "#23834f", "#8647b8", "#b0254f", "#0f7f8c")


@dataclass
class Dot:
    x: float  # pixels
    y: float
    roof: float  # pixels: where its roof is
    label: str
    title: str
    colour: str


class Axes:
    """From values to pixels."""

    def __init__(self, xs, ys):
        self.x0, self.x1 = math.log10(min(xs) / 2.5), math.log10(max(xs) * 2.5)
        self.y0, self.y1 = math.log10(min(ys) / 3), math.log10(max(ys) * 2)

    def x(self, value):
        return LEFT + (math.log10(value) - self.x0) / (self.x1 - self.x0) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return HEIGHT - BOTTOM - (math.log10(value) - self.y0) / (self.y1 - self.y0) * (HEIGHT - TOP - BOTTOM)


def decades(low, high):
    return [10.0**power for power in range(math.ceil(low), math.floor(high) + 1)]


def text(x, y, words, kind, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"{extra}>{html.escape(words)}</text>'


def line(x0, y0, x1, y1, kind):
    return f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" class="{kind}"/>'


def grid(axes):
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in decades(axes.x0, axes.x1):
        parts += [line(axes.x(value), TOP, axes.x(value), bottom, "grid"),
                  text(axes.x(value), bottom + 20, f"{value:g}", "tick", "middle")]
    for value in decades(axes.y0, axes.y1):
        parts += [line(LEFT, axes.y(value), right, axes.y(value), "grid"),
                  text(LEFT - 8, axes.y(value) + 4, re.sub(r"\.0+", "", rate(value, "")), "tick", "end")]
    parts += [text((LEFT + right) / 2, HEIGHT - 10, "FLOP per byte of memory", "axis", "middle"),
              text(18, (TOP + bottom) / 2, "FLOP per second", "axis", "middle",
                   f' transform="rotate(-90 18 {(TOP + bottom) / 2:.1f})"')]
    return parts


def roof_lines(axes, peaks, bandwidths, taken):
    """Level to the right of where memory allows them, sloping up to the highest of them. Adds the places of their names
    to `taken`."""
    parts = []
    left, right = 10**axes.x0, 10**axes.x1
    fastest = max(bandwidths.values())
    lines = [(LEFT, axes.y(peak) - 1, WIDTH, axes.y(peak) + 1) for peak in peaks.values()]
    for name, peak in peaks.items():
        label, y, end = f"{name} {rate(peak, 'FLOP/s')}", axes.y(peak), axes.x(right) - 4
        places = [(end - 20 * step, y + below) for step in range(20) for below in (-5, 13)]
        boxes = [(x - 1.2 * LETTER * len(label), baseline - 11, x, baseline + 2) for x, baseline in places]
        box = next((box for box in boxes if not any(overlaps(box, other) for other in taken + lines)), boxes[0])
        taken.append(box)
        parts += [line(axes.x(max(left, peak / fastest)), y, axes.x(right), y, "roof"),
                  text(box[2], box[3] - 2, label, "roof-name", "end")]
    for name, bandwidth in bandwidths.items():
        begin, end = max(left, 10**axes.y0 / bandwidth), min(right, max(peaks.values()) / bandwidth)
        x0, y0, x1, y1 = axes.x(begin), axes.y(begin * bandwidth), axes.x(end), axes.y(end * bandwidth)
        angle = math.degrees(math.atan2(y1 - y0, x1 - x0))
        along = 0.62 if name == "read" else 0.56
        x, y = x0 + (x1 - x0) * along, y0 + (y1 - y0) * along
        above = -7 if bandwidth == fastest else 16
        parts += [line(x0, y0, x1, y1, "roof"),
                  f'<g transform="translate({x:.1f} {y:.1f}) rotate({angle:.1f})">'
                  + text(0, above, f"{name} {rate(bandwidth, 'B/s')}", "roof-name", "middle") + "</g>"]
    return parts


def overlaps(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def free_box(dot, width, taken):
    """Beside a dot, as near as there is place; None if there is none."""
    for step in sorted(range(-16, 17), key=abs):
        y, away = dot.y + 0.5 * LINE * step, 10 + 3 * abs(step)
        for left in (dot.x + away, dot.x - away - width):
            box = (left, y - 0.5 * LINE, left + width, y + 0.5 * LINE)
            inside = LEFT < box[0] and box[2] < WIDTH - RIGHT and TOP < box[1] and box[3] < HEIGHT - BOTTOM
            if inside and not any(overlaps(box, other) for other in taken):
                return box
    return None


def names(dots, taken):
    """One label for dots of one name that lie together."""
    parts, named = [], []
    for dot in dots:
        near = [one for one in named if one.label == dot.label and math.hypot(one.x - dot.x, one.y - dot.y) < 24]
        box = None if near else free_box(dot, LETTER * len(dot.label) + 4, taken)
        if not box:
            continue
        named.append(dot)
        taken.append(box)
        middle = (box[1] + box[3]) / 2
        if abs(middle - dot.y) > 4:
            parts.append(line(dot.x, dot.y, box[0] if box[0] > dot.x else box[2], middle, "leader"))
        parts.append(text(box[0] + 2, middle + 4, dot.label, "name", "start", f' fill="{dot.colour}"'))
    return parts


def dots_of(operations, roofs, axes):
    """In a colour for each family of names."""
    groups = list(dict.fromkeys(one.family.split("_")[0] for one in operations))
    dots = []
    for one in operations:
        speed, (least, kind) = one.flop / one.median, roofs.bound(one)
        title = (f"{one.name}: {seconds(one.median)}, {rate(speed, 'FLOP/s')}, "
                 f"{roofs.share(one):.2f} of its roof ({kind})")
        dots.append(Dot(axes.x(one.flop / (one.read + one.written)), axes.y(speed), axes.y(one.flop / least),
                        f"{one.family} {one.level or ''}".strip(), title,
                        COLOURS[groups.index(one.family.split("_")[0]) % len(COLOURS)]))
    return dots


def plot(operations, roofs, threads):
    """Operations with FLOP and bytes on that many threads; "" if there are none or no roofs."""
    shown = [one for one in operations if one.threads == threads and one.flop and one.read and roofs.share(one)]
    peaks = {level: peak for (level, n), peak in roofs.peak.items() if n == threads}
    bandwidths = {kind: bandwidth for (kind, n), bandwidth in roofs.bandwidth.items() if n == threads}
    if not shown or not peaks or not bandwidths:
        return ""
    ridge = max(peaks.values()) / min(bandwidths.values())
    axes = Axes([one.flop / (one.read + one.written) for one in shown] + [1, ridge],
                [one.flop / one.median for one in shown] + list(peaks.values()))
    dots = dots_of(shown, roofs, axes)
    taken = [(dot.x - 6, dot.y - 6, dot.x + 6, dot.y + 6) for dot in dots]
    parts = grid(axes) + roof_lines(axes, peaks, bandwidths, taken)
    parts += [line(dot.x, dot.y, dot.x, dot.roof, "stem") for dot in dots]
    parts += [f'<circle cx="{dot.x:.1f}" cy="{dot.y:.1f}" r="5" fill="{dot.colour}" class="dot">'
              f"<title>{html.escape(dot.title)}</title></circle>" for dot in dots]
    return (f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Roofline, {threads} threads">'
            + "".join(parts + names(dots, taken)) + "</svg>")
