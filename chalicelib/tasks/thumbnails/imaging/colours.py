"""What a picture's numbers look like: colour profiles (ICC.1:2022), read, applied and made."""

from __future__ import annotations

import io
import operator
import struct
from collections.abc import Sequence

from PIL import Image, ImageCms

from .stripped import MAX_PROFILE

Vector = Sequence[float]

D50 = (0.9642, 1.0, 0.8249)  # XYZ of the white that all profiles are made for
BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
# x and y of white, red, green and blue, by their numbers in ITU-T H.273
PRIMARIES = {
    1: (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),  # sRGB
    9: (0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),  # BT.2020
    12: (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # Display P3
}
SRGB = PRIMARIES[1]
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def space(profile: bytes) -> bytes:
    """`RGB `, `GRAY`, `CMYK` and so on; nothing if this is no profile, or too large a one."""
    sound = profile[36:40] == b"acsp" and len(profile) <= MAX_PROFILE
    return profile[16:20] if sound else b""


def to_rgb(image: Image.Image, profile: bytes) -> tuple[Image.Image, bytes]:
    """The picture in RGB or RGBA, and the profile that its numbers have now, if any.

    As browsers do: a grey or CMYK picture is converted by its own profile, a grey one may also
    have one for RGB, and a profile for other channels than the picture's does not count.
    """
    if image.mode == "CMYK":
        return by_profile(image, profile), b""
    if image.mode in ("L", "LA") and space(profile) == b"GRAY":
        colours = by_profile(image.getchannel("L"), profile)
        if image.mode == "LA":
            colours.putalpha(image.getchannel("A"))
        return colours, b""
    target = "RGBA" if "A" in image.getbands() else "RGB"
    converted = image if image.mode == target else image.convert(target)
    return converted, profile if space(profile) == b"RGB " else b""


def by_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """In sRGB, or if it is damaged or for other channels, without it."""
    profiles = io.BytesIO(profile), ImageCms.createProfile("sRGB")
    exactly = ImageCms.Flags.NOOPTIMIZE  # or dark greys come in steps that can be seen
    try:
        converted = ImageCms.profileToProfile(image, *profiles, outputMode="RGB", flags=exactly)
    except (ImageCms.PyCMSError, OSError):
        converted = None
    return converted or image.convert("RGB")


def made(points: Vector, *curve: float) -> bytes:
    """A profile for RGB in primaries as in PRIMARIES, whose samples become light by a power alone
    or as in SRGB_CURVE. Nothing, if that is sRGB but for a hundredth, or if it is impossible."""
    like_srgb = all(abs(one - other) < 0.01 for one, other in zip(points, SRGB, strict=True))
    if like_srgb and (curve == SRGB_CURVE or 2.1 < curve[0] < 2.3):
        return b""
    try:
        white, *primaries = [
            (x / y, 1.0, (1 - x - y) / y) for x, y in zip(points[::2], points[1::2], strict=True)
        ]
        columns = tuple(zip(*primaries, strict=True))
        shares = times(inverse(columns), white)
        wanted, given = times(BRADFORD, D50), times(BRADFORD, white)
        tags = {}
        for name, primary, share in zip("rgb", primaries, shares, strict=True):
            cones = times(BRADFORD, [share * value for value in primary])
            adapted = [cone * w / g for cone, w, g in zip(cones, wanted, given, strict=True)]
            tags[f"{name}XYZ"] = b"XYZ \0\0\0\0" + fixed(*times(inverse(BRADFORD), adapted))
            kind = struct.pack(">Hxx", {1: 0, 5: 3}[len(curve)])
            tags[f"{name}TRC"] = b"para\0\0\0\0" + kind + fixed(*curve)
        return assembled(tags)
    except (ZeroDivisionError, struct.error):
        return b""


def assembled(tags: dict[str, bytes]) -> bytes:
    text = struct.pack(">4s4xII4sII", b"mluc", 1, 12, b"enUS", 6, 28) + "RGB".encode("utf-16-be")
    white = b"XYZ \0\0\0\0" + fixed(*D50)
    every = {"desc": text, "cprt": text, "wtpt": white} | tags
    table, at = struct.pack(">I", len(every)), 128 + 4 + 12 * len(every)
    for name, content in every.items():
        table += struct.pack(">4sII", name.encode(), at, len(content))
        at += len(content) + -len(content) % 4
    contents = b"".join(content + bytes(-len(content) % 4) for content in every.values())
    header = struct.pack(">I4xI4s4s4s12x4s28x", at, 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    return (header + fixed(*D50)).ljust(128, b"\0") + table + contents


def fixed(*values: float) -> bytes:
    """s15Fixed16Number"""
    return struct.pack(f">{len(values)}i", *(round(value * 65_536) for value in values))


def times(matrix: Sequence[Vector], vector: Vector) -> list[float]:
    return [sum(map(operator.mul, row, vector)) for row in matrix]


def inverse(matrix: Sequence[Vector]) -> list[Vector]:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    adjugate = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * adjugate[0][0] + b * adjugate[1][0] + c * adjugate[2][0]
    return [[value / determinant for value in row] for row in adjugate]
