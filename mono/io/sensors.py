"""Sensor sizes of common cameras, by make and model as EXIF spells them.

Sizes are those that the makers publish in their data sheets and manuals [mm]; where only the type is published (as
1/1.8"), they are the nominal size of that type. Widths were compared with openMVG's CameraSensorSizeDatabase (MIT), as
far as it goes, to 2014: all of Canon and about 220 models of Nikon, Sony, Panasonic, Olympus, Pentax, Ricoh, Leica,
Minolta and Sigma agree within 2 %, but Sigma's SD1 and Merrill, which it has as 24.0 mm and the maker as 23.5. Phones
are left out: their front and back cameras have sensors of different sizes and write the same model.
"""

from __future__ import annotations

import re
from functools import lru_cache

_FULL = (36.0, 24.0)
_ONE_INCH = (13.2, 8.8)
_FOUR_THIRDS = (17.3, 13.0)
_2_3 = (8.8, 6.6)
_1_1_7 = (7.44, 5.58)
_1_1_8 = (7.18, 5.32)
_1_2_3 = (6.17, 4.55)
_1_2_5 = (5.76, 4.29)
_1_2_7 = (5.37, 4.04)

# Formats of sensors from one inch up, but for single models, and systems of cameras that have some of them only.
_APS_C, _APS_C_CANON, _APS_H = (23.5, 15.6), (22.3, 14.9), (28.0, 18.7)
_FORMATS = (
    (53.4, 40.0), (49.0, 36.7), (43.8, 32.9), _FULL, _APS_H, (26.7, 17.9), _APS_C, _APS_C_CANON, (20.7, 13.8),
    _FOUR_THIRDS, _ONE_INCH,
)  # fmt: skip
_SYSTEMS = (
    (re.compile(r"canon eos", re.IGNORECASE), (_FULL, _APS_H, _APS_C_CANON)),
    (re.compile(r"nikon (d\d|df|z)", re.IGNORECASE), (_FULL, (30.0, 20.0), _APS_C)),
    (re.compile(r"\b(ilce|slt|dslr|nex)-", re.IGNORECASE), (_FULL, _APS_C)),
    (re.compile(r"fujifilm (x-[tehpm]|gfx)", re.IGNORECASE), (_FULL, _APS_C, (43.8, 32.9))),
    (re.compile(r"pentax k", re.IGNORECASE), (_FULL, _APS_C)),
)
_FORMAT_TOLERANCE = 1.035  # as EXIF data of whole sensors differ from their format
_SMALL, _COMPACT = 9.1, 12.4  # [mm], width up to which there are all sizes, and all of about 4:3

# (first word of the make, (longer, shorter) side [mm], models)
_TABLE: tuple[tuple[str, tuple[float, float], str], ...] = (
    ("canon", _FULL, "EOS-1Ds Mark II, EOS-1Ds Mark III, EOS 5D Mark II, EOS 5D Mark III, EOS 5D Mark IV, EOS 5DS, "
     "EOS 5DS R, EOS-1D X, EOS-1D X Mark II, EOS-1D X Mark III, EOS R, EOS Ra, EOS R1, EOS R3, EOS R5, "
     "EOS R5 C, EOS R5m2, EOS R6"),
    ("canon", (35.8, 23.9), "EOS 5D, EOS 6D, EOS-1DS"),
    ("canon", (35.9, 24.0), "EOS 6D Mark II, EOS RP"),
    ("canon", (35.9, 23.9), "EOS R6m2, EOS R8"),
    ("canon", (28.7, 19.1), "EOS-1D, EOS-1D Mark II, EOS-1D Mark II N"),
    ("canon", (28.1, 18.7), "EOS-1D Mark III"),
    ("canon", (27.9, 18.6), "EOS-1D Mark IV"),
    ("canon", (22.7, 15.1), "EOS D30, EOS D60, EOS 10D, EOS 300D DIGITAL, EOS DIGITAL REBEL, EOS Kiss Digital"),
    ("canon", (22.5, 15.0), "EOS 20D, EOS 30D, EOS 70D"),
    ("canon", (22.4, 15.0), "EOS 7D Mark II"),
    ("canon", (22.2, 14.8), "EOS 350D DIGITAL, EOS DIGITAL REBEL XT, EOS Kiss Digital N, EOS 400D DIGITAL, "
     "EOS DIGITAL REBEL XTi, EOS Kiss Digital X, EOS 40D, EOS 450D, EOS DIGITAL REBEL XSi, EOS Kiss X2, EOS 1000D, "
     "EOS DIGITAL REBEL XS, EOS Kiss F"),
    ("canon", (22.3, 14.9), "EOS 50D, EOS 60D, EOS 7D, EOS 500D, EOS REBEL T1i, EOS Kiss X3, EOS 550D, EOS REBEL T2i, "
     "EOS Kiss X4, EOS 600D, EOS REBEL T3i, EOS Kiss X5, EOS 650D, EOS REBEL T4i, EOS 700D, EOS REBEL T5i, EOS 750D, "
     "EOS REBEL T6i, EOS 760D, EOS 800D, EOS REBEL T7i, EOS 77D, EOS 80D, EOS 90D, EOS 100D, EOS REBEL SL1, EOS 200D, "
     "EOS REBEL SL2, EOS 250D, EOS 1200D, EOS REBEL T5, EOS 1300D, EOS REBEL T6, EOS 2000D, EOS REBEL T7, EOS 4000D, "
     "EOS M, EOS M3, EOS M5, EOS M6, EOS M10, EOS M50, EOS M50m2, EOS M100, EOS M200, EOS R7, EOS R10, EOS R50, "
     "EOS R100, EOS 850D, EOS REBEL T8i, EOS Kiss X10i, EOS M6 Mark II, PowerShot G1 X Mark III"),
    ("canon", (22.2, 14.7), "EOS 1100D, EOS REBEL T3, EOS Kiss X50"),
    ("canon", (18.7, 14.0), "PowerShot G1 X"),
    ("canon", (18.7, 12.5), "PowerShot G1 X Mark II"),
    ("canon", (18.4, 12.3), "PowerShot V1"),
    ("canon", _ONE_INCH, "PowerShot G3 X, PowerShot G5 X, PowerShot G7 X, PowerShot G7 X Mark II, "
     "PowerShot G7 X Mark III, PowerShot G9 X, PowerShot G5 X Mark II, PowerShot G9 X Mark II"),
    ("canon", _2_3, "PowerShot Pro1"),
    ("canon", _1_1_7, "PowerShot G9, PowerShot G10, PowerShot G11, PowerShot G12, PowerShot G15, PowerShot G16, "
     "PowerShot S90, PowerShot S95, PowerShot S100, PowerShot S110, PowerShot S120, PowerShot A650 IS"),
    ("canon", _1_1_8, "PowerShot G1, PowerShot G2, PowerShot G3, PowerShot G5, PowerShot G6, PowerShot G7, "
     "PowerShot S30, PowerShot S40, PowerShot S45, PowerShot S50, PowerShot S60, PowerShot S70, PowerShot S80, "
     "PowerShot A620, PowerShot A630, PowerShot A640"),
    ("canon", _1_2_3, "PowerShot SX20 IS, PowerShot SX30 IS, PowerShot SX40 HS, PowerShot SX50 HS, PowerShot SX60 HS, "
     "PowerShot SX220 HS, PowerShot SX230 HS, PowerShot SX260 HS, PowerShot SX10 IS"),
    ("canon", _1_2_5, "PowerShot S2 IS, PowerShot S3 IS, PowerShot S5 IS, PowerShot A540, PowerShot A570 IS, "
     "PowerShot SD1000, DIGITAL IXUS 70"),
    ("canon", _1_2_7, "DIGITAL IXUS v2, PowerShot A70, PowerShot A75"),
    ("nikon", (35.9, 23.9), "Z 6, Z 7, Z 5, Z 6_2, Z 7_2, D780, D850, D5, D6"),
    ("nikon", (36.0, 23.9), "D3, D3S, D4, D4S, D700, Df"),
    ("nikon", (35.9, 24.0), "D3X, D600, D610, D750, D800, D800E, D810"),
    ("nikon", (23.7, 15.6), "D1, D1X, D1H, D100, D70, D70s, D40"),
    ("nikon", (23.7, 15.5), "D50"),
    ("nikon", (23.7, 15.7), "D2X, D2Xs"),
    ("nikon", (23.3, 15.5), "D2H, D2Hs"),
    ("nikon", (23.6, 15.8), "D40X, D60, D80, D90, D200, D300, D300S, D3000, D5000"),
    ("nikon", (23.6, 15.6), "D5100, D7000"),
    ("nikon", (23.1, 15.4), "D3100"),
    ("nikon", (23.2, 15.4), "D3200"),
    ("nikon", (23.5, 15.6), "D3300, D3400, D3500, D5200, D5300, D5500, D5600, D7100, D7200"),
    ("nikon", (23.5, 15.7), "D500, D7500, Z 50, Z fc"),
    ("nikon", _2_3, "E5000, E5700, E8700, E8800"),
    ("nikon", _1_1_8, "E880, E885, E990, E995, E4300, E4500"),
    ("nikon", _1_2_3, "COOLPIX P500, COOLPIX P510, COOLPIX P520, COOLPIX P600, COOLPIX P900, COOLPIX P1000"),
    ("sony", (35.8, 23.9), "ILCE-7, ILCE-7S, ILCE-7M2, ILCE-7SM2, SLT-A99, SLT-A99V, DSC-RX1"),
    ("sony", (35.9, 24.0), "ILCE-7R, ILCE-7RM2, ILCE-7RM3, DSLR-A850, DSLR-A900"),
    ("sony", (35.6, 23.8), "ILCE-7M3, ILCE-7C, ILCE-9"),
    ("sony", (23.6, 15.8), "DSLR-A100, DSLR-A200, DSLR-A300, DSLR-A350, DSLR-A230, DSLR-A330"),
    ("sony", (23.5, 15.6), "DSLR-A700, DSLR-A500, DSLR-A550, SLT-A33, SLT-A35, SLT-A37, SLT-A55V, SLT-A57, "
     "SLT-A65V, SLT-A77V, NEX-3, NEX-5, NEX-5N, NEX-5R, NEX-6, NEX-7, NEX-C3, NEX-F3, "
     "ILCE-5100, ILCE-6000, ILCE-6300, ILCE-6400, ILCE-6500, ILCE-6600"),
    ("sony", (23.2, 15.4), "SLT-A58, ILCE-3000, ILCE-5000"),
    ("sony", (21.5, 14.4), "DSC-R1"),
    ("sony", _ONE_INCH, "DSC-RX100, DSC-RX100M2, DSC-RX100M3, DSC-RX100M4, DSC-RX100M5, DSC-RX10, DSC-RX10M2, "
     "DSC-RX10M3, DSC-RX10M4, ZV-1"),
    ("sony", _2_3, "DSC-F707, DSC-F717, DSC-F828"),
    ("panasonic", _FOUR_THIRDS, "DMC-L1, DMC-L10, DMC-G1, DMC-G2, DMC-G3, DMC-G5, DMC-G6, DMC-G7, DMC-G10, DMC-GF1, "
     "DMC-GF2, DMC-GF3, DMC-GF5, DMC-GF6, DMC-GH3, DMC-GH4, DMC-GM1, DMC-GX1, DMC-GX7, DMC-GX8, DC-GH5, DC-GX9, DC-G9"),
    ("panasonic", _ONE_INCH, "DMC-FZ1000, DMC-TZ100, DMC-ZS100, DMC-CM1"),
    ("panasonic", _1_1_8, "DMC-FZ50"),
    ("panasonic", (6.08, 4.56), "DMC-FZ28, DMC-FZ35, DMC-FZ38"),
    ("panasonic", _1_2_5, "DMC-FZ5, DMC-FZ7, DMC-FZ8, DMC-FZ18"),
    ("olympus", _FOUR_THIRDS, "E-1, E-3, E-5, E-30, E-300, E-330, E-400, E-410, E-420, E-450, E-500, E-510, E-520, "
     "E-600, E-620, E-P1, E-P2, E-P3, E-P5, E-PL1, E-PL2, E-PL3, E-PL5, E-PL7, E-PM1, E-PM2, E-M1, E-M5, E-M10, "
     "E-M1MarkII, E-M5MarkII, E-M10MarkII, E-M10 Mark III, PEN-F"),
    ("olympus", _2_3, "E-10, E-20,E-20N,E-20P, C8080WZ"),
    ("olympus", _1_1_8, "C4040Z, C5050Z, C5060WZ, C7070WZ"),
    ("fujifilm", (23.0, 15.5), "FinePixS2Pro, FinePix S2Pro, FinePix S3Pro, FinePix S5Pro"),
    ("fujifilm", (23.6, 15.8), "FinePix X100"),
    ("fujifilm", (23.6, 15.6), "X-Pro1, X-E1, X-E2, X-E2S, X-M1, X-T1, X-T10, X-Pro2, X-T2, X-T20, X100S, X100T"),
    ("fujifilm", (23.5, 15.6), "X-T3, X-T30, X-E3, X-H1, X-Pro3, X-T4, X100F, X100V"),
    ("fujifilm", (43.8, 32.9), "GFX 50S, GFX 50R, GFX 100, GFX 100S"),
    ("fujifilm", _2_3, "X10, X20, X-S1"),
    ("fujifilm", _1_1_7, "FinePix F10, FinePix F30, FinePix F31fd, FinePix S6000fd"),
    ("pentax", (23.5, 15.7), "*ist D, *ist DS, *ist DS2, *ist DL, *ist DL2, K100D, K100D Super, K110D, K10D, K200D"),
    ("pentax", (23.4, 15.6), "K20D, K-7"),
    ("pentax", (23.6, 15.8), "K-r, K-x"),
    ("pentax", (23.7, 15.7), "K-5, K-5 II, K-5 II s, K-30, K-50, K-01, K-500"),
    ("pentax", (23.5, 15.6), "K-3, K-3 II, K-S1, K-S2, K-70"),
    ("pentax", (35.9, 24.0), "K-1, K-1 Mark II"),
    ("ricoh", (23.7, 15.7), "GR"),
    ("ricoh", (23.5, 15.6), "GR II, GR III"),
    ("ricoh", _1_1_8, "GR DIGITAL"),
    ("leica", (27.0, 18.0), "M8 Digital Camera"),
    ("leica", (35.8, 23.9), "M9 Digital Camera, LEICA M9, LEICA M (Typ 240), M Monochrom"),
    ("leica", _FULL, "LEICA Q (Typ 116), LEICA SL (Typ 601)"),
    ("leica", (23.6, 15.8), "LEICA X1, LEICA X2"),
    ("sigma", (20.7, 13.8), "SIGMA SD9, SIGMA SD10, SIGMA SD14, SIGMA SD15, SIGMA DP1, SIGMA DP2, SIGMA DP1S"),
    ("sigma", (23.5, 15.7), "SIGMA SD1, SIGMA SD1 Merrill, SIGMA DP1 Merrill, SIGMA DP2 Merrill"),
    ("samsung", (23.4, 15.6), "NX10, NX11, NX100, NX5"),
    ("samsung", (23.5, 15.7), "NX200, NX210, NX300, NX1000, NX1, NX500, NX30"),
    ("konica", (23.5, 15.7), "DYNAX 5D, DYNAX 7D, MAXXUM 5D, MAXXUM 7D, ALPHA-7 DIGITAL, ALPHA SWEET DIGITAL"),
    ("konica", _2_3, "DiMAGE A1, DiMAGE A2, DiMAGE A200"),
    ("minolta", _2_3, "DiMAGE 7, DiMAGE 7i, DiMAGE 7Hi"),
    ("hasselblad", (43.8, 32.9), "X1D, X1D II 50C"),
    ("hasselblad", _ONE_INCH, "L1D-20c"),
    ("dji", _1_2_3, "FC220, FC300C, FC300S, FC300X, FC330, FC350, FC7203"),
    ("dji", _ONE_INCH, "FC6310, FC6310S"),
)  # fmt: skip


def sensor_size(make: str, model: str) -> tuple[float, float] | None:
    """Look up the sensor of a camera by its EXIF make and model.

    Returns:
        (longer, shorter) side [mm], or None for a model that is not in the table.
    """
    maker = (re.findall(r"[a-z]+", make.lower()) or [""])[0]
    name = _plain(model)
    sensors = _sensors()
    if maker in ("ricoh", "asahi") and "pentax" in name:
        maker = "pentax"
    return sensors.get((maker, name)) or sensors.get((maker, name.removeprefix(maker)))


def is_format(width: float, height: float, model: str) -> bool:
    """Tell if a picture spans a sensor that its camera may have, by its whole width or height.

    Args:
        width: width of the picture on the sensor [mm].
        height: its height [mm].
        model: make and model of the camera.
    """
    long, short = max(width, height), min(width, height)
    formats = next((formats for system, formats in _SYSTEMS if system.search(model)), None)
    if formats is None and (long <= _SMALL or (long <= _COMPACT and short > 0.7 * long)):
        return True
    filled = (max(long / sides[0], short / sides[1]) for sides in formats or _FORMATS)
    return any(1 / _FORMAT_TOLERANCE < share < _FORMAT_TOLERANCE for share in filled)


@lru_cache(maxsize=1)
def _sensors() -> dict[tuple[str, str], tuple[float, float]]:
    return {(maker, _plain(model)): size for maker, size, models in _TABLE for model in models.split(",")}


def _plain(model: str) -> str:
    return re.sub(r"[^a-z0-9*]", "", model.lower())
