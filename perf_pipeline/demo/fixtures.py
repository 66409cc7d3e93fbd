"""The market that the reference backend knows: the same at every start, on every machine.

Made by a seeded generator from additions and multiplications only, and rounded, so that no library
version or processor changes a digit. Raise ``FIXTURE_VERSION`` with any change of the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random

FIXTURE_VERSION = 1
LAST_DAY = date(2026, 6, 28)
ARTICLES = 100
TICKERS = (
    ("AAPL", "Apple", 182.0),
    ("ADBE", "Adobe", 520.0),
    ("AMD", "Advanced Micro Devices", 141.0),
    ("AMZN", "Amazon", 168.0),
    ("AVGO", "Broadcom", 133.0),
    ("COST", "Costco", 720.0),
    ("CRM", "Salesforce", 251.0),
    ("CSCO", "Cisco", 49.0),
    ("DIS", "Walt Disney", 104.0),
    ("GOOGL", "Alphabet", 152.0),
    ("INTC", "Intel", 36.0),
    ("JPM", "JPMorgan Chase", 195.0),
    ("META", "Meta Platforms", 471.0),
    ("MSFT", "Microsoft", 410.0),
    ("NFLX", "Netflix", 602.0),
    ("NVDA", "Nvidia", 118.0),
    ("ORCL", "Oracle", 122.0),
    ("PEP", "PepsiCo", 168.0),
    ("TSLA", "Tesla", 201.0),
    ("V", "Visa", 278.0),
)
SYMBOLS = tuple(symbol for symbol, _, _ in TICKERS)

_SEED = 20_260_628
_DAILY_SWING = 0.018
_SOURCES = ("Market Wire", "The Ledger", "Morning Brief", "Capital Daily")
_EVENTS = (
    (
        "raises its outlook for the year",
        "demand in its core business held up better than the company had feared",
    ),
    ("misses expectations for the quarter", "higher costs and a strong dollar ate into the margin"),
    ("announces a share buyback", "the board sees no acquisition that would earn as much"),
    ("names a new head of finance", "the change had been expected since the spring"),
    ("faces questions from regulators", "the inquiry concerns contracts with resellers in several countries"),
    ("opens a research centre", "several hundred engineers are to work there within two years"),
)
_REASONS = (
    "Strong momentum",
    "Fair value",
    "Fading sentiment",
    "Above trend",
    "High volatility",
)

PriceRow = tuple[str, str, float, float, float, float, int]
RecommendationRow = tuple[int, str, str, str, float, float, float, str, str, str]
ArticleRow = tuple[int, str, str, str, str, str, str]


def data_volume(days: int) -> str:
    """How much data there is, as ``/version`` says it: ``730d-20t``."""
    return f"{days}d-{len(TICKERS)}t"


def calendar(days: int) -> list[date]:
    """The last ``days`` days up to LAST_DAY, oldest first, weekends included."""
    return [LAST_DAY - timedelta(days=back) for back in range(days - 1, -1, -1)]


def is_trading_day(day: date) -> bool:
    return day.weekday() < 5


def prices(days: int) -> Iterator[PriceRow]:
    """(date, ticker, open, high, low, close, volume) for every trading day and ticker."""
    random = Random(_SEED)  # noqa: S311 - reproducible on purpose
    last = {symbol: price for symbol, _, price in TICKERS}
    for day in filter(is_trading_day, calendar(days)):
        for symbol in SYMBOLS:
            opened = last[symbol] * (1 + (random.random() - 0.5) * _DAILY_SWING / 2)
            # Three uniform numbers are bell-shaped enough for a price; the tiny drift keeps it from zero.
            move = (random.random() + random.random() + random.random() - 1.5) * _DAILY_SWING + 0.0002
            closed = opened * (1 + move)
            high = max(opened, closed) * (1 + random.random() * _DAILY_SWING / 3)
            low = min(opened, closed) * (1 - random.random() * _DAILY_SWING / 3)
            volume = 1_000_000 + int(random.random() * 40_000_000)
            last[symbol] = closed
            yield (day.isoformat(), symbol, *(round(x, 2) for x in (opened, high, low, closed)), volume)  # type: ignore[misc]


def recommendations(market: list[PriceRow]) -> Iterator[RecommendationRow]:
    """(id, date, ticker, action, confidence, score, target price, technical, sentiment, rationale)."""
    random = Random(_SEED + 1)  # noqa: S311 - reproducible on purpose
    for number, (day, symbol, *_, closed, _volume) in enumerate(market, start=1):
        score = round(random.random() * 2 - 1, 3)
        action = "BUY" if score > 0.3 else "SELL" if score < -0.3 else "HOLD"
        technical = ("bearish", "neutral", "bullish")[int(random.random() * 3)]
        sentiment = ("negative", "mixed", "positive")[int(random.random() * 3)]
        yield (
            number,
            day,
            symbol,
            action,
            round(0.5 + random.random() / 2, 3),
            score,
            round(closed * (1 + score / 10), 2),
            technical,
            sentiment,
            _REASONS[int(random.random() * len(_REASONS))],
        )


def articles() -> Iterator[ArticleRow]:
    """(id, ticker, headline, content, source, published at, url), newest last."""
    random = Random(_SEED + 2)  # noqa: S311 - reproducible on purpose
    evening = datetime.combine(LAST_DAY, time(20, 0))
    for number in range(1, ARTICLES + 1):
        symbol, company, _ = TICKERS[int(random.random() * len(TICKERS))]
        event, reason = _EVENTS[int(random.random() * len(_EVENTS))]
        change = round(random.random() * 6 - 3, 1)
        published = evening - timedelta(minutes=97 * (ARTICLES - number))
        yield (
            number,
            symbol,
            f"{company} {event}",
            f"{company} ({symbol}) {event}, and {reason}. The shares moved by {change} % in the session "
            f"after the announcement. Analysts are divided on what follows: some point to the order book, "
            f"others to the valuation, which stands well above the mean of the last five years. The next "
            f"figures are due in {3 + int(random.random() * 9)} weeks.",
            _SOURCES[int(random.random() * len(_SOURCES))],
            published.isoformat(),
            f"https://news.example/{symbol.lower()}/{number}",
        )
