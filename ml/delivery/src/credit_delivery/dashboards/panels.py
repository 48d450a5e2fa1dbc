"""What our dashboards are made of: a few sorts of panel in one look, over Grafana's SDK. Knows no metric by name.

A query is (legend, PromQL). `NAMESPACE` is a matcher that the dashboard's variable fills; where no series has that
label it fits all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table as sdk_table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import GraphGradientMode, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    DataTransformerConfig,
    Panel,
    VariableOption,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

NAMESPACE = 'namespace=~"$namespace"'
RATE = "$__rate_interval"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHT = 8
# Grafana's grid has 24 columns.
HALF, SIXTH = 12, 4

Panels = tuple[Builder[Panel], ...]
Query = tuple[str, str]
Sort = TypeVar("Sort", timeseries.Panel, stat.Panel, statetimeline.Panel, sdk_table.Panel)


def page(uid: str, title: str, description: str, names: str, panels: Panels) -> dashboard.Dashboard:
    """The dashboard of some panels; `names` is the metric whose label `namespace` is offered to choose from."""
    every = VariableOption(text="All", value="$__all", selected=True)
    namespaces = dashboard.QueryVariable("namespace").label("Namespace").query(f"label_values({names}, namespace)")
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["credit-scoring"])
        .readonly()
        .time("now-6h", "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(
            namespaces.datasource(SOURCE)
            .include_all(True)
            .all_value(".*")
            .multi(True)
            .current(every)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        )
    )
    for panel in panels:
        made = made.with_panel(panel)
    return made


def series(title: str, unit: str, *queries: Query, about: str = "") -> Builder[Panel]:
    """Lines over time."""
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    legend = legend.show_legend(True).calcs([])
    panel = timeseries.Panel().fill_opacity(10).gradient_mode(GraphGradientMode.OPACITY).legend(legend)
    return _filled(panel.unit(unit), title, about, queries).height(HEIGHT).span(HALF)


def figure(title: str, unit: str, query: str, about: str = "", legend: str = "{{namespace}}") -> Builder[Panel]:
    """The latest value, large."""
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    panel = stat.Panel().unit(unit).reduce_options(last)
    return _filled(panel, title, about, [(legend, query)]).height(HEIGHT // 2).span(SIXTH)


def states(title: str, *queries: Query, about: str = "") -> Builder[Panel]:
    """What held when, one row per series."""
    return _filled(statetimeline.Panel(), title, about, queries).height(HEIGHT).span(HALF)


def rows(title: str, query: str, *columns: str, about: str = "", width: int = HALF) -> Builder[Panel]:
    """A table of the labels of a query's series now, in this order."""
    order = {name: place for place, name in enumerate(columns)}
    hidden = dict.fromkeys(("Time", "Value"), True)
    organise = DataTransformerConfig(id_val="organize", options={"excludeByName": hidden, "indexByName": order})
    panel = _described(sdk_table.Panel(), title, about).with_transformation(organise)
    target = _target("A", "", query).instant().format(PromQueryFormat.TABLE)
    return panel.with_target(target).height(HEIGHT).span(width)


def _filled(panel: Sort, title: str, about: str, queries: Iterable[Query]) -> Sort:
    panel = _described(panel, title, about)
    for letter, (legend, query) in zip("ABCDEFGH", queries, strict=False):
        panel = panel.with_target(_target(letter, legend, query))
    return panel


def _described(panel: Sort, title: str, about: str) -> Sort:
    panel = panel.title(title).datasource(SOURCE)
    return panel.description(about) if about else panel


def _target(letter: str, legend: str, query: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(letter).expr(query).legend_format(legend)
