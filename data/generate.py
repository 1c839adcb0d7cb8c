#!/usr/bin/env python3
"""Makes the shipped data, or as many people as a test or benchmark needs. The same seed gives the same bytes.

Examples:
  python data/generate.py
  python data/generate.py --people 1000000 --output generated
"""

import argparse
import csv
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path

FIRST_BIRTHDAY = date(1837, 1, 1)
LAST_BIRTHDAY = date(1983, 12, 31)
BATCH = 10_000  # people drawn at a time
RECORDED_TWICE = 500  # of this many people, one is recorded again some rows later

# Country: how often people are born there, and its counties with their places.
PLACES: dict[str, tuple[int, dict[str, str]]] = {
    "Scotland": (
        30,
        {
            "Aberdeenshire": "Banchory, Fraserburgh, Huntly, Inverurie, Peterhead",
            "Angus": "Arbroath, Dundee, Forfar, Montrose",
            "Argyll": "Campbeltown, Dunoon, Oban",
            "Ayrshire": "Ayr, Irvine, Kilmarnock",
            "Caithness": "Thurso, Wick",
            "Fife": "Cupar, Dunfermline, Kirkcaldy, St Andrews",
            "Inverness-shire": "Fort William, Inverness, Portree",
            "Lanarkshire": "Glasgow, Lanark, Motherwell",
            "Midlothian": "Dalkeith, Edinburgh, Musselburgh",
            "Orkney": "Kirkwall",
            "Perthshire": "Crieff, Perth",
            "Shetland": "Lerwick",
        },
    ),
    "England": (
        28,
        {
            "Cornwall": "Falmouth, Penzance, Truro",
            "Cumbria": "Carlisle, Kendal, Whitehaven",
            "Devon": "Barnstaple, Exeter, Plymouth",
            "Durham": "Darlington, Hartlepool",
            "Kent": "Canterbury, Dover, Maidstone",
            "Lancashire": "Blackburn, Lancaster, Preston",
            "Norfolk": "Cromer, King's Lynn, Norwich",
            "Northumberland": "Alnwick, Berwick-upon-Tweed, Hexham",
            "Yorkshire": "Leeds, Scarborough, Whitby, York",
        },
    ),
    "Ireland": (
        19,
        {
            "Clare": "Ennis, Kilrush",
            "Cork": "Cobh, Cork, Kinsale",
            "Donegal": "Ballyshannon, Letterkenny",
            "Dublin": "Dublin, Dún Laoghaire",
            "Galway": "Clifden, Galway, Tuam",
            "Kerry": "Dingle, Killarney, Tralee",
            "Mayo": "Ballina, Castlebar, Westport",
            "Waterford": "Dungarvan, Waterford",
        },
    ),
    "Wales": (
        14,
        {
            "Anglesey": "Beaumaris, Holyhead",
            "Carmarthenshire": "Carmarthen, Llanelli",
            "Ceredigion": "Aberystwyth, Cardigan",
            "Glamorgan": "Cardiff, Merthyr Tydfil, Swansea",
            "Gwynedd": "Caernarfon, Dolgellau, Porthmadog",
            "Pembrokeshire": "Fishguard, St Davids, Tenby",
            "Powys": "Brecon, Builth Wells, Welshpool",
        },
    ),
    "Northern Ireland": (
        9,
        {
            "Antrim": "Ballymena, Belfast, Larne, Lisburn",
            "Armagh": "Armagh, Lurgan",
            "Down": "Downpatrick, Newcastle, Newtownards",
            "Fermanagh": "Enniskillen",
            "Londonderry": "Coleraine",
            "Tyrone": "Cookstown, Omagh, Strabane",
        },
    ),
}

# Weight, given names, family names; a person has both from one line.
NAMES: tuple[tuple[int, str, str], ...] = (
    (
        40,
        "Agnes, Alasdair, Alice, Archibald, Beatrice, Catriona, Charlotte, Dougal, Edith, Euan, Fiona, George,"
        " Harriet, Hamish, Isla, James, Jean, Kenneth, Margaret, Morag, Neil, Oliver, Ruth, Thomas, Winifred",
        "Abernethy, Baxter, Buchanan, Calder, Drummond, Elliott, Fairbairn, Galbraith, Hepburn, Innes, Kerr,"
        " Laidlaw, MacLeod, Nairn, Ogilvie, Pringle, Ramsay, Sinclair, Tulloch, Urquhart, Wallace, Yule",
    ),
    (
        20,
        "Aoife, Bríd, Caoimhe, Cillian, Eimear, Fionnuala, Gráinne, Líadan, Máire, Niall, Oisín, Pádraig,"
        " Róisín, Sadhbh, Séamus, Siobhán, Tadhg, Úna",
        "de Búrca, Mac Giolla Phádraig, Ní Bhriain, Ó Ceallaigh, Ó Dónaill, O'Rourke, Ó Súilleabháin, O'Toole",
    ),
    (
        15,
        "Aneurin, Angharad, Bronwen, Dafydd, Eluned, Gruffudd, Gwenllian, Hywel, Llewelyn, Myfanwy, Rhiannon, Siân",
        "ap Rhys, Bevan, Cadwaladr, Gwynne, Llwyd, Morgan, Parry, Prys, Tudur, Vaughan",
    ),
    (
        5,
        "Björn, François, Jürgen, Łukasz, Ngọc, Þóra, Zoë",
        "Åkesson, Đặng, Fernández, Gößling, Kowalczyk, Škvorecký",
    ),
    (2, "Clement, Edwin, Rupert", '"""Duke"" Hazelwood", "Seymour, Baron", "St John, the elder"'),
    (4, "Анна, Борис, Дмитрий, Екатерина, Наталья, Сергей", "Волков, Иванова, Кузнецов, Морозова, Соколов"),
    (3, "Αλέξανδρος, Δήμητρα, Ελένη, Νίκος, Σοφία", "Αγγελοπούλου, Ιωάννου, Καραγιάννης, Παππάς"),
    (3, "أحمد, خديجة, فاطمة, محمود, يوسف", "البغدادي, الحسن, الخطيب, النجار"),
    (2, "אברהם, דוד, מרים, רבקה, שרה", "גולדברג, כהן, לוי, מזרחי"),
    (3, "अर्जुन, कमला, प्रिया, राजेश, सीता", "गुप्ता, पटेल, वर्मा, शर्मा"),
    (3, "伟, 秀英, 建国, 淑珍, 丽", "王, 李, 张, 陳, 劉"),
    (2, "さくら, ひろし, 健太, 美咲", "佐藤, 鈴木, 高橋, 渡辺"),
    (2, "민준, 서연, 지우, 하은", "김, 박, 이, 최"),
)

Person = tuple[str, str, str, str]


def places() -> list[tuple[str, str, str]]:
    """City, county and country of each place, by city."""
    return sorted(
        (city, county, country)
        for country, (_, counties) in PLACES.items()
        for county, cities in counties.items()
        for city in cities.split(", ")
    )


def people(count: int, seed: int) -> Iterator[Person]:
    """Given name, family name, ISO date of birth and city of `count` people."""
    draw = random.Random(seed)
    cities_of = {country: [city for city, _, of in places() if of == country] for country in PLACES}
    name_weights = [weight for weight, _, _ in NAMES]
    names = [(given.split(", "), next(csv.reader([family], skipinitialspace=True))) for _, given, family in NAMES]
    birthdays = _birthdays()
    again: Person | None = None
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        countries = draw.choices(list(PLACES), [weight for weight, _ in PLACES.values()], k=size)
        for number, (country, (given, family)) in enumerate(
            zip(countries, draw.choices(names, name_weights, k=size), strict=True), start
        ):
            person = (
                draw.choice(given),
                draw.choice(family),
                draw.choice(birthdays),
                draw.choice(cities_of[country]),
            )
            if number % RECORDED_TWICE == RECORDED_TWICE // 2 and again:
                person = again
            elif number % RECORDED_TWICE == 0:
                again = person
            yield person


@cache
def _birthdays() -> list[str]:
    days = (LAST_BIRTHDAY - FIRST_BIRTHDAY).days + 1
    return [(FIRST_BIRTHDAY + timedelta(day)).isoformat() for day in range(days)]


def write(folder: Path, count: int, seed: int) -> None:
    """Writes the four files; the expected summary is counted here, without the pipeline."""
    folder.mkdir(parents=True, exist_ok=True)
    country_of = {city: country for city, _, country in places()}
    born: Counter[str] = Counter()

    def counted() -> Iterator[Person]:
        for person in people(count, seed):
            born[country_of[person[3]]] += 1
            yield person

    _write_csv(folder / "places.csv", ("city", "county", "country"), places())
    _write_csv(folder / "people.csv", ("given_name", "family_name", "date_of_birth", "place_of_birth"), counted())
    _write_csv(folder / "example.csv", ("name",), [("Ada",), ("Борис",), ("Chloë",), ("दीपा",)])
    ranked = dict(sorted(born.items(), key=lambda item: (-item[1], item[0])))
    summary = json.dumps(ranked, ensure_ascii=False, separators=(",", ":"))
    (folder / "sample_output.json").write_text(summary, encoding="utf-8")


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--people", type=int, default=10_000, metavar="N", help="people to write (default: 10000)")
    parser.add_argument("--seed", type=int, default=1837, help="another seed gives other people (default: 1837)")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, metavar="DIR", help="default: data/")
    options = parser.parse_args()
    write(options.output, options.people, options.seed)
    print(f"wrote {len(places())} places and {options.people} people into {options.output}")


if __name__ == "__main__":
    main()
