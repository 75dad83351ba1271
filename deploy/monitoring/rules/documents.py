"""The rules as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import yaml

_HEADER = "# Made by `make dashboards` from deploy/monitoring/; changes made here are lost.\n"
RUNBOOK = "docs/monitoring.md"


@dataclass(frozen=True)
class Recording:
    """A series that Prometheus works out ahead.

    Attributes:
        name: of the series.
        expr: PromQL.
    """

    name: str
    expr: str

    def document(self) -> Mapping[str, object]:
        """One entry of a group."""
        return {"record": self.name, "expr": self.expr}


@dataclass(frozen=True)
class Alert:
    """What somebody should know of.

    Attributes:
        name: of the alert; the runbook's heading.
        severity: critical is worth waking somebody, warning is work for this week, none is
            for machines only.
        expr: PromQL; its labels become the alert's.
        wait: for how long it must hold.
        summary: one line; may use Prometheus' templates.
        description: what it means, and what is seen of it elsewhere.
    """

    name: str
    severity: Literal["critical", "warning", "none"]
    expr: str
    wait: str
    summary: str
    description: str

    def document(self) -> Mapping[str, object]:
        """One entry of a group."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.wait,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook": f"{RUNBOOK}#{self.name.lower()}",
            },
        }


@dataclass(frozen=True)
class Group:
    """Rules that are worked out together, one after the other.

    Attributes:
        name: of the group.
        rules: in their order.
        interval: between two times.
    """

    name: str
    rules: Sequence[Recording | Alert]
    interval: str = "15s"

    def document(self) -> Mapping[str, object]:
        """One entry of a file."""
        rules = [rule.document() for rule in self.rules]
        return {"name": self.name, "interval": self.interval, "rules": rules}


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as it is."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def rule_file(groups: Sequence[Group]) -> str:
    """The text of a file of rules."""
    document = {"groups": [group.document() for group in groups]}
    return _HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000)
