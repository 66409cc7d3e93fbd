// A student's game day in a multiplayer room: one iteration is one day.
//
//   k6 run k6/multiplayer/scenario.js                                (smoke, against http://127.0.0.1:8000)
//   k6 run -e PERF_PROFILE=standard -e BASE_URL=http://127.0.0.1:9000 k6/multiplayer/scenario.js

import { Rate } from 'k6/metrics';
import { createClient, paced } from '../lib/client.js';
import { mostCalls } from '../lib/mix.js';
import { optionsFor } from '../lib/options.js';
import { readPlan } from '../lib/plan.js';
import { prepare, prepareAll, requireHealthy, runId } from '../lib/prepare.js';
import { dayUpdate, newRoom, player } from './data.js';

// ---- config

const plan = readPlan(JSON.parse(open('./suite.json')));
const { perform } = createClient(plan);
const joinRoomSuccess = new Rate('join_room_success');

const PLAYED_ROOMS = 3; // full from the start, so that a leaderboard costs the same at the end as at the beginning
const PLAYERS_PER_ROOM = 20;
const UNKNOWN_PLAYER = '00000000-0000-4000-8000-000000000000';

// ---- options

export const options = optionsFor(plan);

// ---- setup

const CREATE_ROOM = { name: 'create_room', method: 'POST', path: '/api/v1/multiplayer/rooms' };
const JOIN_ROOM = { ...plan.suite.endpoints.join_room, name: 'join_room' };

export function setup() {
  requireHealthy(plan);
  const run = runId();
  const lobbies = Math.ceil(mostCalls(plan, 'join_room') / PLAYERS_PER_ROOM);
  const wanted = Array.from({ length: PLAYED_ROOMS + lobbies }, (_, n) => ({ body: newRoom(run, n) }));
  const codes = prepareAll(plan, CREATE_ROOM, wanted).map((room) => room.room_code);
  const played = codes.slice(0, PLAYED_ROOMS);
  return { run, played, lobbies: codes.slice(PLAYED_ROOMS), players: preparePlayers(run, played) };
}

/** Ids of players, rooms in turn. Where joining is broken there are none, and the load still goes on without. */
function preparePlayers(run, rooms) {
  const seats = Array.from({ length: rooms.length * PLAYERS_PER_ROOM }, (_, n) => ({
    body: player(rooms[n % rooms.length], `${run} prepared ${n}`),
  }));
  const first = prepare(plan, JOIN_ROOM, seats.slice(0, rooms.length));
  const working = first.some((answer) => answer !== null);
  const rest = working ? prepare(plan, JOIN_ROOM, seats.slice(rooms.length)) : [];
  return [...first, ...rest].filter((answer) => answer !== null && answer.id).map((answer) => answer.id);
}

// ---- journey

export function journey(data) {
  paced(plan, () => gameDay(data));
}

function gameDay(data) {
  const room = (n) => data.played[n % data.played.length];

  const joined = perform('join_room', (n) => ({
    body: player(data.lobbies[Math.floor(n / PLAYERS_PER_ROOM)], `${data.run} ${n}`),
    expect: (text) => /"id":\s*"/.test(text),
  }));
  joined.forEach((ok) => joinRoomSuccess.add(ok, { endpoint: 'join_room' }));

  perform('get_news', () => ({ expect: isList }));
  perform('get_recommendations', () => ({ expect: (text) => text.includes('"recommendations"') }));
  // About 120 kB: parsing it here would load the generator, not the target.
  perform('get_game_data', () => ({ expect: (text) => text.length > 1000 && text.includes('"days"') }));
  perform('leaderboard', (n) => ({ path: { room_code: room(n) }, expect: isList }));
  perform('update_player', (n) => {
    const update = dayUpdate(n);
    return {
      path: { player_id: data.players[n % data.players.length] || UNKNOWN_PLAYER },
      body: update,
      expect: (text) => new RegExp(`"current_day":\\s*${update.current_day}\\b`).test(text),
    };
  });
  perform('get_state', (n) => ({
    path: { room_code: room(n) },
    expect: (text) => text.includes(`"${room(n)}"`),
  }));
}

function isList(text) {
  return text.startsWith('[');
}
