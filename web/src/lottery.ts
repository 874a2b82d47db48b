// The page of a draw: the proof from the public board, and the rank of a place,
// computed here.

import { Api, type Board, Problem } from "./api";
import { by, el, fail, text } from "./dom";
import { commitment, rank, total } from "./draw";
import { count } from "./money";
import { Store } from "./store";
import { drawOf } from "./turn";

export async function showDraw(event: string): Promise<void> {
  let board: Board;
  try {
    board = await new Api(event).board();
  } catch (e) {
    return fail((e as Problem).message);
  }
  if (!board.draw?.secret || !document.getElementById("rank-form")) return;
  const { place, commitment: seen } = new Store(event).saved;
  const matches = commitment(event, board.draw.secret) === (seen ?? board.draw.commitment);
  const badge = by("matches");
  badge.dataset.state = matches ? "valid" : "void";
  text(badge, !matches ? "This is NOT the secret that was committed to" :
    seen ? "This is the secret of the commitment that was shown here before the draw" : "This is the secret of the commitment");

  const lane = by<HTMLSelectElement>("rank-lane"), region = by<HTMLSelectElement>("rank-region"), number = by<HTMLInputElement>("rank-number");
  const regions = () => region.replaceChildren(...Object.keys(board.lanes[lane.value]?.regions ?? {}).sort().map((r) => el("option", {}, r)));
  const tell = () => text(by("rank"), rankOf(board, lane.value, region.value, Number(number.value)));
  lane.addEventListener("change", regions);
  by("rank-form").addEventListener("submit", (e) => { e.preventDefault(); tell(); });
  if (place) lane.value = place.lane;
  regions();
  if (place) {
    region.value = place.region;
    number.value = String(place.number);
    tell();
  }
}

function rankOf(board: Board, lane: string, region: string, number: number): string {
  const draw = drawOf(board, lane), r = draw ? rank(draw, region, number) : 0;
  if (!draw || !r) return `Number ${count(number)} did not take part in the draw: it was given out after the sale had opened.`;
  const called = r <= (board.lanes[lane].drawn_called ?? 0);
  return `Number ${count(number)} was drawn as ${count(r)} of ${count(total(draw))}, and ${called ? "has been called" : "is not called yet"}.`;
}
