"""orders.csv: 20 columns of mixed types, and the descriptions by which they are loaded."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

SEED = 20
FIRST_DAY = date(2000, 1, 1)
FIRST_MOMENT = datetime(2000, 1, 1)
DAYS = 9_000
COUNTRIES = ("AT", "BE", "CH", "DE", "DK", "ES", "FI", "FR", "GB", "IE", "IT", "NL", "NO", "PL", "PT", "SE")
STATUSES = ("open", "paid", "packed", "shipped", "returned", "cancelled")
FIRST_NAMES = ("Ada", "Björn", "Chloé", "David", "Elif", "Fatima", "George", "Hanna", "Ines", "Jürgen", "Kofi", "Lucía")
LAST_NAMES = ("Almeida", "Brown", "Castaño", "Dupont", "Eriksson", "Fischer", "Green", "Horváth", "Ivanova", "Jones")
WORDS = ("blue", "box", "cable", "cotton", "garden", "glass", "handle", "lamp", "large", "oak", "paper", "steel")

KEY = "order_id"
# As a resource of a data package has them.
FIELDS: list[dict[str, Any]] = [
    {"name": "order_id", "type": "integer", "constraints": {"required": True, "minimum": 1}},
    {"name": "reference", "type": "string", "format": "uuid", "constraints": {"required": True}},
    {"name": "customer", "type": "string", "constraints": {"required": True, "minLength": 1, "maxLength": 100}},
    {"name": "email", "type": "string", "format": "email", "constraints": {"required": True}},
    {"name": "website", "type": "string", "format": "uri"},
    {"name": "country", "type": "string", "constraints": {"required": True, "enum": list(COUNTRIES)}},
    {"name": "status", "type": "string", "constraints": {"required": True, "enum": list(STATUSES)}},
    {"name": "article", "type": "string", "constraints": {"required": True, "pattern": "[A-Z]{2}-[0-9]{6}"}},
    {"name": "description", "type": "string", "constraints": {"maxLength": 500}},
    {"name": "quantity", "type": "integer", "constraints": {"required": True, "minimum": 1, "maximum": 1000}},
    {"name": "stock", "type": "integer"},
    {"name": "price", "type": "number", "constraints": {"required": True, "minimum": 0}},
    {"name": "weight", "type": "number", "constraints": {"exclusiveMinimum": 0}},
    {"name": "discount", "type": "number", "constraints": {"minimum": 0, "maximum": 100}},
    {"name": "is_gift", "type": "boolean", "constraints": {"required": True}},
    {"name": "ordered_on", "type": "date", "constraints": {"required": True, "minimum": "2000-01-01"}},
    {"name": "shipped_on", "type": "date"},
    {"name": "created_at", "type": "datetime", "constraints": {"required": True}},
    {"name": "pickup_time", "type": "time"},
    {"name": "season", "type": "year", "constraints": {"minimum": 1990, "maximum": 2100}},
]


@dataclass(frozen=True)
class Orders:
    """Folders with the same orders.csv, described without a key and with one."""

    by_position: Path
    by_key: Path
    count: int


def generate_orders(folder: Path, count: int) -> Orders:
    """Draws orders, in the order of their ids; the same number gives the same bytes."""
    orders = Orders(folder / "by_position", folder / "by_key", count)
    for each, key in ((orders.by_position, {}), (orders.by_key, {"primaryKey": [KEY]})):
        each.mkdir(parents=True)
        resource = {"name": "orders", "path": "orders.csv", "schema": {"fields": FIELDS, **key}}
        (each / "datapackage.json").write_text(json.dumps({"name": "orders", "resources": [resource]}, indent=2))
    with (orders.by_position / "orders.csv").open("w", encoding="utf-8") as file:
        file.write(",".join(field["name"] for field in FIELDS) + "\n")
        file.writelines(_lines(count))
    (orders.by_key / "orders.csv").hardlink_to(orders.by_position / "orders.csv")
    return orders


def _lines(count: int) -> Iterator[str]:
    draw = random.Random(SEED)  # noqa: S311 (not for secrets)
    for order_id in range(1, count + 1):
        first_name, last_name = draw.choice(FIRST_NAMES), draw.choice(LAST_NAMES)
        day = draw.randrange(DAYS)
        ordered_on = FIRST_DAY + timedelta(days=day)
        created_at = FIRST_MOMENT + timedelta(days=day, seconds=draw.randrange(86_400))
        fields = (
            str(order_id),
            str(UUID(int=draw.getrandbits(128))),
            f"{first_name} {last_name}",
            f"customer{draw.randrange(count)}@example.org",
            f"https://shop{draw.randrange(5_000)}.example.org/" if draw.random() < 0.7 else "",
            draw.choice(COUNTRIES),
            draw.choice(STATUSES),
            f"{draw.choice('ABCDE')}{draw.choice('KLMNO')}-{draw.randrange(1_000_000):06}",
            f'"{", ".join(draw.choices(WORDS, k=4))}"' if draw.random() < 0.5 else " ".join(draw.choices(WORDS, k=6)),
            str(draw.randint(1, 1_000)),
            str(draw.randint(-100, 1_000_000)) if draw.random() < 0.8 else "",
            f"{draw.randrange(1_000_000) / 100:.2f}",
            f"{draw.randint(1, 100_000) / 1_000:.3f}" if draw.random() < 0.9 else "",
            f"{draw.randrange(1_000) / 10:.1f}" if draw.random() < 0.3 else "",
            draw.choice(("true", "false")),
            ordered_on.isoformat(),
            (ordered_on + timedelta(days=draw.randrange(30))).isoformat() if draw.random() < 0.8 else "",
            f"{created_at.isoformat()}Z",
            f"{draw.randrange(24):02}:{draw.randrange(60):02}:00" if draw.random() < 0.5 else "",
            str(ordered_on.year) if draw.random() < 0.9 else "",
        )
        yield ",".join(fields) + "\n"
