"""The write lock serves its waiters in the order they came."""

import threading

from frontdesk.project.sqlite.fair_lock import FairLock


def test_waiters_are_served_in_the_order_they_came():
    lock, served, threads = FairLock(), [], []
    assert lock.acquire(timeout_s=1)

    def serve(number: int) -> None:
        assert lock.acquire(timeout_s=10)
        served.append(number)
        lock.release()

    for number in range(8):
        thread = threading.Thread(target=serve, args=[number])
        thread.start()
        threads.append(thread)
        while lock.waiting < number + 1:
            threading.Event().wait(0.001)
    lock.release()
    for thread in threads:
        thread.join()

    assert served == list(range(8))


def test_waiter_that_gives_up_leaves_the_queue():
    lock = FairLock()
    assert lock.acquire(timeout_s=1)

    assert not lock.acquire(timeout_s=0.01)

    assert lock.waiting == 0
    lock.release()
    assert lock.acquire(timeout_s=0)
