"""Many viewers at once: every body right, nothing asked for twice, memory bounded."""

import time

import pytest

from crowd import MB, metrics, resident, spent

# How much memory is used, or what comes first, is told apart from other load on the machine.
pytestmark = pytest.mark.alone

PACKAGER = 'kinora_edge_upstream_requests_total{upstream="packager"}'
READS = "kinora_origin_reads_total"
# Twice what 2,000 viewers were seen to take.
MOST = 200 * MB
# Half of the answers at a viewer's pace, and 99 of 100, in ms: a few on a machine that does nothing else. One pause of
# the machine is more than one answer of 100, so that those have as long as clients are patient.
SOON, PATIENCE = 500, 10_000
# 99 of 100 on a machine that does nothing else, in ms.
QUIET = 2000


@pytest.mark.parametrize("way", ["whole", "ranges", "not_kept"])
def test_a_hot_segment_is_fetched_and_read_once(house, way):
    """A thousand at once; in parts of it; and where it is too large to be kept."""
    house.again(**({"cache_object_bytes": 2048} if way == "not_kept" else {}))
    before = metrics(house.kinora)
    options = {"ranges": True} if way == "ranges" else {}
    report = house.watch([house.short], same=True, viewers=1001, **options)
    assert report["requests"] == 1000
    after = metrics(house.kinora)
    grown = {name: after[name] - before[name] for name in (PACKAGER, READS)}
    print(way, grown)
    assert grown[READS] == 1, grown
    if way == "not_kept":
        assert grown[PACKAGER] >= 1000, grown
    else:
        # Two playlists to find the segment.
        assert grown[PACKAGER] == 3, grown


def check(report, late=PATIENCE):
    """Little memory, and everybody served soon, 99 of 100 within `late` ms, unless that is nothing."""
    assert report["server"]["rss_peak_bytes"] < MOST, spent(report)
    if late:
        assert max(times["p50_ms"] for times in report["times"].values()) < SOON, spent(report)
        assert max(times["p99_ms"] for times in report["times"].values()) < late, spent(report)


def test_two_hundred_viewers(house):
    house.again()
    report = house.watch(viewers=200, seconds=4, pace=4, arrive=1)
    print(spent(report))
    assert report["requests"] > 1000
    check(report)


@pytest.mark.soak
@pytest.mark.parametrize("pace", [1, 3, 0])
def test_two_thousand_viewers(house, pace):
    """At a viewer's pace, faster, and as fast as it goes."""
    house.again()
    report = house.watch(viewers=2000, seconds=40, pace=pace, arrive=5)
    time.sleep(5)
    print(f"pace {pace}: {spent(report)}, 5 s later {resident(house.kinora) / MB:.0f}")
    # Asked for as much as there is, everybody waits.
    check(report, late=QUIET if pace == 1 else None)
