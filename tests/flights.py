"""A CSV of flights that looks like a real one: `python -m tests.flights FILE ROWS` writes it.

The same seed gives the same bytes; 300,000 rows are 29 MB. Cells are missing as they are in life: a
canceled flight has no times, some planes have no tail number.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

COLUMNS = (
    "year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay carrier "
    "flight tailnum origin dest air_time distance hour minute time_hour"
).split()

CARRIERS = {  # how many of 100 flights are theirs
    "UA": 17, "B6": 16, "EV": 16, "DL": 14, "AA": 10, "MQ": 8, "US": 6, "9E": 5, "WN": 4,
    "VX": 2, "FL": 1, "AS": 1,
}  # fmt: skip
ORIGINS = ("EWR", "JFK", "LGA")
MILES = {
    "ORD": 725, "ATL": 755, "LAX": 2465, "BOS": 190, "MCO": 945, "CLT": 535, "SFO": 2575,
    "FLL": 1070, "MIA": 1090, "DCA": 213, "DTW": 500, "DFW": 1385, "RDU": 430, "TPA": 1005,
    "DEN": 1615, "IAH": 1410, "SEA": 2410, "LAS": 2240, "HNL": 4970, "ANC": 3370,
}  # fmt: skip


def flights(rows: int, seed: int = 2013) -> Iterator[list[object]]:
    """Cells in the order of COLUMNS, the flights of a day after those of the day before."""
    chance = random.Random(seed)
    carriers = chance.choices(list(CARRIERS), list(CARRIERS.values()), k=rows)
    destinations = chance.choices(list(MILES), range(len(MILES), 0, -1), k=rows)
    for number, (carrier, destination) in enumerate(zip(carriers, destinations, strict=True)):
        day = date(2013, 1, 1) + timedelta(days=number * 365 // rows)
        origin = chance.choice(ORIGINS)
        hour, minute = chance.randint(5, 22), chance.randrange(0, 60, 5)
        miles = MILES[destination] + ORIGINS.index(origin) * 7
        minutes_aloft = round(miles / 7.4 + 18 + chance.gauss(0, 9))
        late = round(chance.expovariate(1 / 18)) - 8
        departure = hour * 60 + minute
        planned_arrival = departure + minutes_aloft + 25
        arrival = planned_arrival + late + chance.randint(-15, 10)
        canceled, tail_unknown = chance.random() < 0.025, chance.random() < 0.008
        yield [
            day.year,
            day.month,
            day.day,
            "" if canceled else _clock(departure + late),
            _clock(departure),
            "" if canceled else late,
            "" if canceled else _clock(arrival),
            _clock(planned_arrival),
            "" if canceled else arrival - planned_arrival,
            carrier,
            chance.randint(1, 6200),
            "" if tail_unknown else f"N{chance.randint(100, 999)}{carrier}",
            origin,
            destination,
            "" if canceled else minutes_aloft,
            miles,
            hour,
            minute,
            f"{day}T{hour:02}:00:00-05:00",
        ]


def write(file: Path, rows: int, seed: int = 2013) -> None:
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(flights(rows, seed))


def _clock(minutes: int) -> int:
    """Minutes since midnight as airlines write them: 17:05 is 1705."""
    return minutes // 60 % 24 * 100 + minutes % 60


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
