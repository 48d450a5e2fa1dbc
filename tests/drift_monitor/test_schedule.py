import asyncio
import contextlib

from drift_monitor.metrics import Metrics
from drift_monitor.schedule import Schedule


def failed(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("drift_monitor_runs_total", {"result": "failed"}) or 0.0


def test_a_run_that_fails_is_tried_again_before_the_next_interval():
    metrics = Metrics()
    schedule = Schedule(["bundles=[nowhere]"], interval_s=86400, metrics=metrics, retry_s=0.01)

    async def keep_until_it_failed_twice() -> None:
        keeping = asyncio.create_task(schedule.keep())
        async with asyncio.timeout(120):
            while failed(metrics) < 2:
                await asyncio.sleep(0.05)
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping

    asyncio.run(keep_until_it_failed_twice())
