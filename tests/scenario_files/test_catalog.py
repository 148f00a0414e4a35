"""Catalogues: the shipped one, and what in a CSV file is refused with its line."""

from pathlib import Path

import pytest
from gpu_sim.scenario_files.catalog import default_catalog, find_repeats, read_catalog
from gpu_sim.scenario_files.problems import ScenarioError

HEADER = (
    "provider_id,provider_class,gpu_model,vram_gb,region,spot_usd_per_gpu_hour,on_demand_usd_per_gpu_hour,"
    "interruption_probability_per_hour,capacity_gpus"
)
ROW = 'vast-ai,marketplace,RTX 4090,24,"Quebec, CA",0.287,0.374,0.02,6'


def catalog(folder: Path, *lines: str) -> Path:
    """A CSV file of these lines."""
    path = folder / "mine.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def refused(path: Path) -> list[str]:
    """The refusal of a catalogue, a line for each problem, without its path."""
    with pytest.raises(ScenarioError) as error:
        read_catalog(path)
    assert all(problem.file == str(path) for problem in error.value.problems)
    return [line.removeprefix(f"{path}:") for line in str(error.value).splitlines()]


def test_the_shipped_catalogue_has_79_offers_with_the_documented_example_among_them() -> None:
    offers = read_catalog(default_catalog())
    assert len(offers) == 79
    (example,) = [
        offer
        for offer in offers
        if (offer.provider_id, offer.gpu_model, offer.region) == ("vast-ai", "RTX 4090", "Quebec, CA")
    ]
    assert (example.spot_price, example.interruption_probability, example.vram_gb) == (287_000, 20_000, 24)
    assert sum(offer.gpu_model == "H100" for offer in offers) >= 5
    assert {offer.provider_class for offer in offers} == {"marketplace", "neocloud", "hyperscaler", "exchange"}
    assert all(offer.capacity > 0 for offer in offers)


def test_a_row_is_read_exactly(tmp_path: Path) -> None:
    (offer,) = read_catalog(catalog(tmp_path, HEADER, ROW))
    assert (offer.provider_id, offer.provider_class, offer.gpu_model) == ("vast-ai", "marketplace", "RTX 4090")
    assert (offer.vram_gb, offer.region, offer.capacity) == (24, "Quebec, CA", 6)
    assert (offer.spot_price, offer.on_demand_price, offer.interruption_probability) == (287_000, 374_000, 20_000)


def test_columns_come_in_any_order_and_the_basis_is_a_remark(tmp_path: Path) -> None:
    names, values = HEADER.split(","), ["p", "exchange", "G", "8", "R", "0.1", "0.2", "0.01", "3"]
    given = catalog(tmp_path, ",".join(["basis", *reversed(names)]), ",".join(["a guess", *reversed(values)]))
    (offer,) = read_catalog(given)
    assert (offer.provider_id, offer.region, offer.capacity, offer.spot_price) == ("p", "R", 3, 100_000)


@pytest.mark.parametrize(("text", "spot"), [("true", True), ("", True), ("false", False)])
def test_a_column_says_which_offers_are_on_demand(tmp_path: Path, text: str, spot: bool) -> None:
    row = "p,exchange,G,8,R,0.1,0.1,0,3"
    (offer,) = read_catalog(catalog(tmp_path, f"{HEADER},spot", f"{row},{text}"))
    assert offer.spot is spot
    problem = '2: spot: expected true, false or nothing, which is true, got "no"'
    assert refused(catalog(tmp_path, f"{HEADER},spot", f"{row},no")) == [problem]


def test_empty_lines_carriage_returns_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(f"\ufeff{HEADER}\r\n\r\n{ROW}\r\n\r\n".encode())
    assert len(read_catalog(path)) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.287", "0.2875", "2: spot_usd_per_gpu_hour: expected dollars per GPU and hour"),
        ("0.287", "0", "2: spot_usd_per_gpu_hour: expected dollars per GPU and hour"),
        ("0.374", "cheap", "2: on_demand_usd_per_gpu_hour: expected dollars per GPU and hour"),
        ("0.287", "0.375", "2: spot_price is above on_demand_price"),
        (",0.02,", ",2%,", "2: interruption_probability_per_hour: expected a probability between 0 and 1"),
        (",0.02,", ",1,", "2: interruption_probability must be below 1"),
        (",0.02,", ",1.5,", "2: interruption_probability_per_hour: expected a share"),
        (",0.02,", ",0.0000001,", "2: interruption_probability_per_hour: expected a share"),
        (",24,", ",24.0,", '2: vram_gb: expected a whole number such as 24, got "24.0"'),
        (",24,", ",0,", "2: vram_gb must be at least 1"),
        (",6", ",-1", '2: capacity_gpus: expected a whole number such as 24, got "-1"'),
        (",6", ",6,7", "2: 10 values for 9 columns"),
        (",6", "", "2: 8 values for 9 columns"),
        ("marketplace", "market", '2: provider_class: no class "market": one of marketplace, neocloud'),
        ("marketplace", "neoclod", '; did you mean "neocloud"?'),
        ("RTX 4090", "RTX|4090", "2: gpu_model must be 1 to 256 printable characters other than |"),
        ("vast-ai", "", "2: provider_id must be 1 to 256 printable characters"),
        ('CA"', 'CA"x', "2: no CSV: "),
    ],
)
def test_an_impossible_row_is_refused_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ROW
    (problem,) = refused(catalog(tmp_path, HEADER, ROW.replace(old, new)))
    assert message in problem


def test_every_bad_row_is_named(tmp_path: Path) -> None:
    lines = (HEADER, ROW.replace("0.287", "x"), ROW, ROW.replace("24", "y"))
    assert [problem.partition(":")[0] for problem in refused(catalog(tmp_path, *lines))] == ["2", "4"]


@pytest.mark.parametrize(
    ("header", "messages"),
    [
        (HEADER.replace("region", "regoin"), ['1: unknown column "regoin"; did you mean "region"?', "1: columns are"]),
        (HEADER + ",vram_gb", ['1: column "vram_gb" is given twice']),
        (HEADER.replace(",region", ""), ["1: columns are missing: region"]),
        ("", ["1: columns are missing: provider_id, provider_class"]),
    ],
)
def test_a_wrong_header_is_refused(tmp_path: Path, header: str, messages: list[str]) -> None:
    problems = refused(catalog(tmp_path, header, ROW))
    assert len(problems) == len(messages)
    assert all(problem.startswith(message) for problem, message in zip(problems, messages, strict=True))


def test_availability_and_group_are_columns_that_may_be_left_out(tmp_path: Path) -> None:
    cells = ("0.81,us", "always,", ",")
    rows = [ROW.replace("Quebec", f"Quebec {number}") + f",{cell}" for number, cell in enumerate(cells)]
    offers = read_catalog(catalog(tmp_path, f"{HEADER},availability,group", *rows))
    assert [(offer.availability, offer.group) for offer in offers] == [(810_000, "us"), (1_000_000, None), (None, None)]


def test_an_availability_of_nothing_is_refused(tmp_path: Path) -> None:
    [problem] = refused(catalog(tmp_path, f"{HEADER},availability", f"{ROW},0"))
    assert problem.startswith("2: availability: expected always or a share above 0% such as 81%, got ")


def test_an_offer_given_twice_is_refused_whatever_its_case(tmp_path: Path) -> None:
    other = ROW.replace("Quebec", "Ontario")
    assert refused(catalog(tmp_path, HEADER, ROW, "", other, ROW.replace("RTX", "rtx"))) == [
        "5: the same offer as in line 2"
    ]


def test_repeats_are_found_by_the_three_names(tmp_path: Path) -> None:
    first, second = read_catalog(catalog(tmp_path, HEADER, ROW, ROW.replace("Quebec", "Ontario")))
    assert list(find_repeats([first, second, second, first])) == [(2, 1), (3, 0)]


def test_a_catalogue_without_offers_is_refused(tmp_path: Path) -> None:
    assert refused(catalog(tmp_path, HEADER)) == ["1: the catalogue has no offers"]


def test_what_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    assert refused(path) == [" cannot be read: No such file or directory"]
    path.write_bytes(HEADER.encode() + b"\n\xff\n")
    assert refused(path) == ["2: this is not UTF-8"]
    path.write_bytes(b"\0")
    assert refused(path)
