from datetime import UTC, datetime

from drift_monitor.trainers import Order

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def order(cause="model: matured_loss", performance_days=365):
    return Order(
        cause=cause,
        model_digest="a" * 64,
        dataset="simulated",
        performance_days=performance_days,
        window="20240501T000000Z-aa",
        because="retrain: x",
        cut_off=NOW,
    )
