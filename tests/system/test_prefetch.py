import threading
import time
from concurrent.futures import wait

import pytest

from mono.system.prefetch import ByteBudget, prefetch_map, workers


@pytest.mark.parametrize("count", [0, 1, 4])
def test_results_come_in_order_whatever_takes_how_long(count):
    def work(i):
        time.sleep(0.01 if i % 3 == 0 else 0)
        return i * i

    with workers(count) as pool:
        assert [f.result() for f in prefetch_map(pool, work, range(20), max_pending=5)] == [i * i for i in range(20)]


@pytest.mark.parametrize("count", [0, 2])
def test_an_exception_is_its_items_alone(count):
    def work(i):
        return 6 // i

    with workers(count) as pool:
        futures = list(prefetch_map(pool, work, [1, 0, 2], max_pending=3))
        wait(futures)
    assert [f.result() for f in (futures[0], futures[2])] == [6, 3]
    assert isinstance(futures[1].exception(), ZeroDivisionError)


@pytest.mark.parametrize(("count", "max_pending"), [(0, 0), (2, 0), (2, 3)])
def test_only_so_many_are_under_way(count, max_pending):
    taken = []

    def items():
        for i in range(30):
            taken.append(i)
            yield i

    with workers(count) as pool:
        for done, future in enumerate(prefetch_map(pool, lambda i: i, items(), max_pending), 1):
            assert future.result() == done - 1
            assert len(taken) <= done + max_pending
    assert len(taken) == 30


def test_work_goes_on_at_once_and_items_are_made_by_the_caller():
    both = threading.Barrier(3)
    makers = []

    def items():
        for i in range(2):
            makers.append(threading.current_thread())
            yield i
        both.wait(10)  # the caller's own work, while the pool's goes on

    with workers(2) as pool:
        assert len(list(prefetch_map(pool, lambda i: both.wait(10), items(), max_pending=2))) == 2
    assert makers == [threading.current_thread()] * 2


def test_when_the_block_ends_early_nothing_goes_on_behind_it():
    begun, ended = [], []

    def work(i):
        begun.append(i)
        time.sleep(0.05)
        ended.append(i)

    with pytest.raises(KeyboardInterrupt), workers(1) as pool:
        next(prefetch_map(pool, work, range(20), max_pending=10)).result()
        raise KeyboardInterrupt
    assert begun == ended and 1 <= len(ended) < 10


@pytest.mark.parametrize("count", [0, 2])
def test_pending_bytes_are_bounded_and_large_items_run_alone(count):
    sizes = [10, 10, 95, 10, 300, 10, 10, 10]
    pending, most = [], []
    lock = threading.Lock()

    def cost(i):
        return sizes[i]

    def work(i):
        with lock:
            pending.append(i)
            most.append(sum(sizes[j] for j in pending))
        return i

    with workers(count) as pool:
        for expected, future in enumerate(prefetch_map(pool, work, range(8), 10, cost, budget=ByteBudget(100))):
            assert future.result() == expected
            with lock:
                pending.remove(expected)
    assert max(most) == 300 and sorted(most)[-2] <= 100


def test_two_stages_share_one_budget():
    """What is read and what is written never take more than the budget together."""
    budget, lock, taken, most = ByteBudget(100), threading.Lock(), [], []

    def work(item):
        name, size = item
        with lock:
            taken.append(size)
            most.append(sum(taken))
        time.sleep(0.005)
        with lock:
            taken.remove(size)
        return name

    sizes = [60, 30, 70, 20, 90, 40]
    with workers(3) as pool:
        read = prefetch_map(pool, work, enumerate(sizes), 3, lambda item: item[1], budget)
        between = ((future.result(), 50) for future in read)
        written = [f.result() for f in prefetch_map(pool, work, between, 3, lambda item: item[1], budget)]
    assert written == list(range(6)) and max(most) <= 100 and max(most) > 50
