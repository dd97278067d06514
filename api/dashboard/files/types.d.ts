// Types that many scripts share. Those of the service's answers are in api.d.ts.

import type { DatasetDetail, DatasetMessage, Decision, SampleScore, StudyMessage } from "./api.js";

/** What may stand in an element. Null, undefined and false leave nothing. */
export type Child = Node | string | number | null | undefined | false | Child[];

/** Listeners by event; `currentTarget` is the element that has them. */
export type Listeners<E> = {
  [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K] & { readonly currentTarget: E }) => unknown;
};

/** What an element is made with: attributes, and these. */
export interface Properties<E> {
  class?: string;
  on?: Listeners<E>;
  style?: Record<string, string>;
  [attribute: string]: unknown;
}

/** Values of a query by name; null, undefined and "" leave one out. */
export type Query = Record<string, string | number | boolean | null | undefined>;

/** What a view gets from router.js. */
export interface Page {
  /** To draw in. */
  main: HTMLElement;
  /** Of the path. */
  params: Record<string, string>;
  query: URLSearchParams;
  /** Aborted when the view is left: give it to every call and listener. */
  signal: AbortSignal;
  /** Go to another address of the service. */
  go(address: string): void;
  title(text: string): void;
  /** Keep choices in the address; null takes one out. */
  keep(changes: Query): void;
}

/** A module of views/. */
export interface View {
  show(page: Page): void | Promise<void>;
}

export type Split = "train" | "test";

/** A sample to show large; `href` leads to its page. */
export interface Picture {
  split: Split;
  index: number;
  label?: string;
  href?: string;
}

/** A file to download. */
export interface TakenFile {
  text: string;
  path: string;
  query: Query;
}

/** A study as far as it is needed to name it. */
export type Named = Pick<StudyMessage, "name">;

/** A dataset as far as it is needed to name its classes. */
export type WithClasses = Pick<DatasetMessage, "class_names">;

/** A study with its dataset. */
export interface Loaded {
  study: StudyMessage;
  dataset: DatasetDetail;
}

/** What the reviewers of a sample decide; `label` is the right class of one to relabel. */
export interface Decided {
  decision: Decision;
  label: number | null;
}

/** A sample in the gallery: its row, and its place in a sprite of `lines` rows once that is there. */
export interface Shown {
  row: SampleScore;
  url: string | null | undefined;
  place: number;
  lines: number;
}
