"""Readable numbers of a file as the exact integers of the engine.

Who uses it: the other modules of this package and the operators' commands. Invariant: nothing is
rounded; a number that is not exactly representable is a ``ValueError`` that names the precision.
"""

from __future__ import annotations

import decimal
from decimal import Decimal

PERCENT_DECIMALS = 4  # of one percent: 1/1,000,000 is 0.0001 percent
BASIS_POINT_DECIMALS = 2  # of one basis point: 1/1,000,000 is 0.01 basis points


def scaled(value: Decimal | int, decimals: int) -> int:
    """``value`` as an integer of 10^-decimals. Raises ValueError if it is not one."""
    with decimal.localcontext(prec=60):
        product = Decimal(value).scaleb(decimals)
        if not product.is_finite() or product != product.to_integral_value():
            raise ValueError(f"{value} has more than {decimals} decimals")
    return int(product)


def ppm_of_percent(percent: Decimal | int) -> int:
    """Percent as 1/1,000,000. Raises ValueError beyond four decimals."""
    return scaled(percent, PERCENT_DECIMALS)


def ppm_of_basis_points(basis_points: Decimal | int) -> int:
    """Basis points as 1/1,000,000. Raises ValueError beyond two decimals."""
    return scaled(basis_points, BASIS_POINT_DECIMALS)


def unscaled(value: int, decimals: int) -> Decimal:
    """The inverse of ``scaled``, without trailing zeros."""
    with decimal.localcontext(prec=60):
        number = Decimal(value).scaleb(-decimals).normalize()
        # 1E+3 is 1000 for people
        return number.quantize(Decimal(1)) if number == number.to_integral_value() else number
