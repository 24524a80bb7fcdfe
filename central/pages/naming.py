"""What people call a station and where it stands on the schematic."""

from __future__ import annotations

from collections.abc import Sequence

from central.pages.county import County
from central.pages.lines import StationName
from central.settings import Station
from central.views import SourceState
from web.i18n import Language


class Names:
    def __init__(self, stations: Sequence[Station], county: County) -> None:
        self._stations = {station.id: station for station in stations}
        self.county = county

    def __call__(self, language: Language) -> StationName:
        """From a station's id to its name; an id that nobody named stays as it is."""

        def name(station: str) -> str:
            known = self._stations.get(station)
            if known is None:
                return station
            return known.name_zh if language == "zh" else known.name_en or known.name_zh

        return name

    def stations(self, sources: Sequence[SourceState]) -> list[str]:
        """Those of the settings, then those that only a source names."""
        heard = (source.station for source in sources)
        return list(dict.fromkeys([*self._stations, *heard]))

    def places(self, sources: Sequence[SourceState]) -> dict[str, tuple[int, int]]:
        return self.county.arrange(self.stations(sources))
