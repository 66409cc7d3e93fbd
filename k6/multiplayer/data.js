// What the players send: fixed, so that every run asks for the same work.

const DAYS = 30;
const INITIAL_CASH = 10000;
const TICKERS = ['AAPL', 'MSFT', 'GOOGL', 'AMZN', 'NVDA'];

export function newRoom(run, number) {
  return {
    created_by: 'perf-pipeline',
    room_name: `${run} room ${number}`.slice(-100),
    config: { initial_cash: INITIAL_CASH, num_days: DAYS, tickers: TICKERS, difficulty: 'medium' },
    game_mode: 'async',
  };
}

export function player(roomCode, name) {
  return { room_code: roomCode, player_name: name.slice(-100) };
}

/** A player's game after a day, of a size that does not depend on the day. */
export function dayUpdate(number) {
  const day = 1 + (number % DAYS);
  const price = 100 + day;
  const value = INITIAL_CASH + 10 * day;
  return {
    current_day: day,
    cash: INITIAL_CASH / 2,
    holdings: Object.fromEntries(TICKERS.map((ticker) => [ticker, { shares: 10, avgCost: price }])),
    trades: TICKERS.map((ticker) => ({ day, ticker, action: 'BUY', shares: 10, price })),
    portfolio_value: value,
    total_return_pct: (100 * (value - INITIAL_CASH)) / INITIAL_CASH,
    total_return_usd: value - INITIAL_CASH,
    score: 500 + day,
    grade: 'B',
    score_breakdown: { returns: 300, risk: 100, consistency: 100 + day },
    portfolio_history: Array.from({ length: DAYS }, (_, n) => ({ day: n + 1, value: INITIAL_CASH + 10 * n })),
    is_finished: false, // a finished game may refuse the next update
  };
}
