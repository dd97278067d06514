// The JSON bodies of the service's answers, under their names in memscore/messages/; tests/api compares both.

export type State = "queued" | "running" | "recovering" | "cancelling" | "succeeded" | "failed" | "cancelled";
export type SetName = "typical" | "atypical";
export type Scope = "read" | "write" | "admin";
export type Interval = [number | null, number | null];

/** An error as RFC 9457 problem details. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  errors: FieldError[];
  request_id: string | null;
}

/** What is wrong with one field of a request: a JSON pointer without its first slash, and a sentence. */
export interface FieldError {
  pointer: string;
  message: string;
}

export interface DatasetMessage {
  name: string;
  fingerprint: string;
  source: string;
  train_samples: number;
  test_samples: number;
  image_shape: number[];
  kind: "images" | "features";
  class_names: string[];
  flipped: number;
  forgotten: number;
}

export interface DatasetDetail extends DatasetMessage {
  flipped_indices: number[];
  forgotten_train: number[];
  forgotten_test: number[];
  notes: string[];
}

export interface Sample {
  index: number;
  label: number;
  class_name: string;
  name: string;
  text: string | null;
  columns: Record<string, string | number | null>;
  forgotten: boolean;
}

export interface Samples {
  samples: Sample[];
}

export interface Neighbour extends Sample {
  closeness: number;
}

export interface Neighbours {
  neighbours: Neighbour[];
}

export interface KnownDatasets {
  sources: string[];
}

export interface Datasets {
  datasets: DatasetMessage[];
  next: string | null;
}

/** How each model of a study is trained; memscore/study/spec.py has all fields. */
export interface Recipe {
  network: string;
  [field: string]: unknown;
}

export interface NamedRecipe {
  name: string;
  recipe: Recipe;
}

export interface Recipes {
  recipes: NamedRecipe[];
}

export interface Design {
  kind: "balanced" | "uniform";
  subset_ratio: number;
  seed: number;
}

export interface Target {
  trials: number | null;
  standard_error: number | null;
  settled_at: number | null;
  pairs_found?: number;
  share: number;
  max_trials: number;
}

export interface Wanted {
  target: Target;
  full_trials: number;
  evidence: "margins" | "bits";
  probabilities: boolean;
  pairs: "same_class" | "all";
  time_limit_seconds: number | null;
  allow_changed_network: boolean;
}

export interface Progress {
  phase: string;
  done: number;
  total: number;
  unit: "trials";
  trials_per_second: number | null;
  seconds_left: number | null;
}

export interface JobMessage {
  id: string;
  study: string;
  study_name: string;
  state: State;
  target_trials: number;
  wanted: Wanted;
  progress: Progress;
  attempt: number;
  error: string | null;
  outcome: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  waiting_for: string | null;
  notes: string[];
}

export interface Jobs {
  jobs: JobMessage[];
  next: string | null;
}

export interface JobEvent {
  id: number;
  job: string;
  at: string;
  state: State;
  message: string;
}

export interface JobEvents {
  job: string;
  events: JobEvent[];
}

export interface LogMessage {
  job: string;
  lines: string[];
  next: number;
}

export interface ExpectedPairs {
  infl: number;
  now: number;
  then: number;
}

export interface Plan {
  trials: number;
  at_most: boolean;
  expected_trials: number | null;
  expected_pairs: ExpectedPairs[];
  by_margins: boolean;
  new_trials: number;
  seconds_a_trial: number | null;
  device_seconds: number | null;
  disk_bytes: number;
  worst_standard_error: number;
  typical_standard_error: number;
  timed_on: string | null;
  other_seconds: number;
  busy: number;
}

export interface TableSummary {
  digest: string;
  trials: number;
  in_sample_accuracy: number | null;
  held_out_accuracy: number | null;
  test_accuracy: number | null;
  warnings: string[];
}

export interface StudyMessage {
  id: string;
  name: string;
  dataset: string;
  fingerprint: string;
  recipe: Recipe | null;
  recipe_name: string | null;
  design: Design | null;
  trials: number;
  table: TableSummary | null;
  imported: boolean;
}

export interface DatasetRemoved {
  removed: boolean;
  name: string;
  samples: number;
  bytes: number;
}

export interface JobsPruned {
  removed: boolean;
  jobs: number;
  bytes: number;
}

/** Of one study in the database. */
export interface StudyRows {
  trials: number;
  full_trials: number;
  evidence_bytes: number;
  tables: number;
  table_bytes: number;
  published: number;
  reviews: number;
  jobs: number;
  log_bytes: number;
}

export interface StudyUsage {
  id: string;
  name: string;
  dataset: string;
  size: StudyRows;
  bytes: number;
}

export interface DatasetUsage {
  name: string;
  fingerprint: string;
  studies: number;
  bytes: number;
}

export interface LogFiles {
  files: number;
  bytes: number;
}

export interface Usage {
  studies: StudyUsage[];
  datasets: DatasetUsage[];
  dataset_bytes: number;
  log_files: LogFiles;
  database_bytes: number;
}

export interface StudyRemoved {
  removed: boolean;
  id: string;
  name: string;
  trials: number;
  full_trials: number;
  tables: number;
  published: number;
  reviews: number;
  jobs: number;
  bytes: number;
}

/** A study that has scores. */
export interface ScoredStudy extends StudyMessage {
  table: TableSummary;
}

export interface Studies {
  studies: StudyMessage[];
  next: string | null;
}

export interface SampleScore {
  index: number;
  name?: string | null;
  label: number;
  mem: number | null;
  se: number | null;
  interval: Interval;
  p_in: number | null;
  p_out: number | null;
  n_in: number;
  n_out: number;
  set: SetName | null;
  mem_margin?: number | null;
  se_margin?: number | null;
  margin_interval?: Interval | null;
  risk?: number | null;
  se_risk?: number | null;
}

export interface Score extends SampleScore {
  study: string;
  trials: number;
  digest: string;
}

export type Decision = "relabel" | "leave_out" | "fine" | "unsure" | "disputed";

export interface Decisions {
  study: string;
  index: number[];
  decision: Decision[];
  label: (number | null)[];
}

export interface Scores {
  study: string;
  trials: number;
  digest: string;
  matching: number;
  scores: SampleScore[];
  next: string | null;
}

export interface Suspect extends SampleScore {
  label_error: number | null;
  suggested: number | null;
  share: number | null;
  margin_out: number | null;
  suspected: boolean | null;
}

/** error: the label is wrong; fine: it is right; unsure: this reviewer cannot tell. */
export type Verdict = "error" | "fine" | "unsure";

export interface Review {
  index: number;
  given: number;
  verdict: Verdict | null;
  label: number | null;
  reviewer: string;
  digest: string | null;
  at: string | null;
}

export interface ReviewCounts {
  reviewed: number;
  relabel: number;
  leave_out: number;
  fine: number;
  unsure: number;
  disputed: number;
}

export interface Reviews {
  study: string;
  counts: ReviewCounts;
  reviews: Review[];
  next: string | null;
}

export interface Confused {
  given: number;
  predicted: number;
  count: number;
}

export interface Suspects {
  study: string;
  trials: number;
  digest: string;
  matching: number;
  scores: Suspect[];
  next: string | null;
  note: string;
  suspected: number | null;
  precision: number | null;
  cutoff: number | null;
  expected: number | null;
  confusion: Confused[];
}

export interface Estimate {
  value: number;
  low: number;
  high: number;
}

export interface Privacy {
  targets: number;
  tpr_at_0_001: Estimate;
  tpr_at_0_01: Estimate;
  auc: Estimate;
}

export interface ClassShare {
  label: number;
  name: string;
  samples: number;
  atypical: number;
  interval: [number, number];
  differs: boolean;
}

export interface Planted {
  labels: number;
  suspected: number;
  auroc: number | null;
}

export interface Findings {
  study: string;
  trials: number;
  digest: string;
  sentence: string;
  samples: number;
  scored: number;
  atypical: number;
  atypical_sure: number | null;
  typical: number;
  undecided: number | null;
  suspected: number | null;
  suspected_precision: number | null;
  pairs: number | null;
  test_samples: number;
  test_samples_in_pairs: number | null;
  most_memorized: ClassShare | null;
  least_memorized: ClassShare | null;
  privacy: Privacy | null;
  planted: Planted | null;
}

export interface Risks extends Scores {
  privacy: Privacy | null;
  note: string;
}

export interface ScoreColumns {
  study: string;
  trials: number;
  digest: string;
  index: number[];
  label: number[];
  mem: (number | null)[];
  se: (number | null)[];
  mem_low: (number | null)[];
  mem_high: (number | null)[];
  p_in: (number | null)[];
  p_out: (number | null)[];
  n_in: number[];
  n_out: number[];
  mem_margin?: (number | null)[];
  se_margin?: (number | null)[];
  mem_margin_low?: (number | null)[];
  mem_margin_high?: (number | null)[];
  risk?: (number | null)[];
  se_risk?: (number | null)[];
}

export interface TestScore {
  study: string;
  index: number;
  name?: string | null;
  label: number;
  p: number | null;
  p_full: number | null;
  infl_max: number | null;
  infl_index: number | null;
  set: SetName | null;
  trials: number;
  digest: string;
}

export interface Histogram {
  study: string;
  trials: number;
  digest: string;
  column: string;
  edges: number[];
  counts: number[];
  undefined: number;
}

export interface Influence {
  train_index: number;
  test_index: number;
  infl: number;
  se: number | null;
  q_value: number | null;
  q_weighted?: number | null;
  p_strong?: number | null;
}

export interface InfluencedTest extends Influence {
  others: Influence[];
}

export interface Rival {
  index: number;
  label: number;
  shared: number;
  overlap: number;
  mem: number | null;
}

export interface Duplicate {
  index: number;
  name?: string | null;
  label: number;
  split: "train" | "test";
  other: number;
  other_name?: string | null;
  other_label: number;
  kind: "equal" | "near" | "mirrored";
  correlation: number;
  mem: number | null;
  infl: number | null;
}

export interface Duplicates {
  study: string;
  trials: number;
  digest: string;
  matching: number;
  copies: Duplicate[];
  note: string;
}

export interface Explanation {
  score: Score;
  class_name: string;
  rank: number | null;
  rank_in_class: number | null;
  samples: number;
  samples_in_class: number;
  position: number;
  sentence: string;
  influences: InfluencedTest[];
  influenced: number;
  holding: number | null;
  rivals: Rival[];
  suggested: number | null;
  share: number | null;
  label_error: number | null;
  suspected: boolean | null;
  floor: number;
  strong: number | null;
}

/** Values that a study has only with posteriors, or with margins, are null or left out. */
export interface Pair extends Influence {
  mem: number | null;
  infl_mean?: number | null;
  infl_soft?: number | null;
  se_soft?: number | null;
}

export interface Pairs {
  study: string;
  digest: string;
  floor: number;
  scope?: string | null;
  strong: number | null;
  found: number | null;
  expected: number | null;
  matching: number;
  holding: number | null;
  pairs: Pair[];
  next: string | null;
}

export interface ClassScores {
  label: number;
  name: string;
  samples: number;
  mem_mean: number | null;
  atypical: number;
  typical: number;
  undefined: number;
  in_accuracy: number | null;
  held_out_accuracy: number | null;
  test_samples: number;
  test_accuracy: number | null;
}

export interface Classes {
  study: string;
  trials: number;
  digest: string;
  classes: ClassScores[];
}

export interface QualityCheck {
  key: string;
  name: string;
  verdict: "pass" | "look at it" | "cannot be told";
  value: string;
  meaning: string;
  advice: string;
}

export interface Calibration {
  predicted: number[];
  observed: number[];
  low: number[];
  high: number[];
  counts: number[];
}

export interface Quality {
  study: string;
  trials: number;
  digest: string;
  checks: QualityCheck[];
  calibration: Calibration;
}

export interface PrecisionPoint {
  trials: number;
  standard_error: number | null;
  settled: number | null;
  pairs_found: number | null;
}

export interface PrecisionCourse {
  study: string;
  trials: number;
  digest: string;
  threshold: number;
  by_margins: boolean;
  points: PrecisionPoint[];
}

export interface Side {
  mem: number;
  interval: Interval;
}

export interface Disagreement {
  index: number;
  label: number;
  a: Side;
  b: Side;
  difference: number;
  index_b: number | null;
  label_b: number | null;
}

export interface Density {
  edges: number[];
  counts: number[][];
}

export interface Agreement {
  samples: number;
  pearson: number | null;
  spearman: number | null;
  reliability_a: number | null;
  reliability_b: number | null;
  corrected: number | null;
  mean_difference: number;
  a_outside_b: number | null;
  b_outside_a: number | null;
  threshold: number;
  both: number;
  only_a: number;
  only_b: number;
  neither: number;
  jaccard: number | null;
  kappa: number | null;
  pearson_interval: number[] | null;
  spearman_interval: number[] | null;
  corrected_interval: number[] | null;
  mean_difference_interval: number[] | null;
  jaccard_interval: number[] | null;
  kappa_interval: number[] | null;
  notes: string[];
}

export interface ComparisonMessage {
  shared: number | null;
  relabelled: number | null;
  a: string;
  b: string;
  digest_a: string;
  digest_b: string;
  agreement: Agreement;
  density: Density;
  disagreements: Disagreement[];
}

export type Rule = "posterior" | "raw";

export interface SetsMessage {
  study: string;
  digest: string;
  thresholds: Record<string, number>;
  rule: Rule;
  expected_false: number | null;
  typical_false: number | null;
  sure: Record<string, number> | null;
  by_chance: number | null;
  counts: Record<string, number>;
  indices: Record<string, number[]>;
  warnings: string[];
}

export interface SessionMessage {
  signed_in: boolean;
  keys_required: boolean;
  name: string | null;
  scope: Scope | null;
  scopes: Scope[];
  csrf: string | null;
  expires_at: string | null;
}

export type RunState = "finished" | "unfinished" | "damaged";

export interface RunAccuracy {
  count: number;
  share: number | null;
  low: number | null;
  high: number | null;
}

export interface EvaluationRow {
  split: string;
  group: string;
  count: number;
  accuracy: Record<string, RunAccuracy>;
  cosine_distance: number | null;
  poisoned: number | null;
}

export interface RunFinding {
  check: string;
  level: "green" | "amber" | "red";
  found: string;
  meaning: string;
}

export interface Selection {
  by: string;
  on: string | null;
  value: number | null;
  samples: number | null;
  low: number | null;
  high: number | null;
}

export interface CheckpointEvaluation {
  name: string;
  epoch: number | null;
  selected: Selection | null;
  epsilon: number | null;
  attacked: boolean;
  rows: EvaluationRow[];
  findings: RunFinding[];
  notes: string[];
}

export interface RunDifference {
  split: string;
  group: string;
  attack: string;
  count: number;
  first: number;
  second: number;
  difference: number;
  low: number;
  high: number;
  only_first: number;
  only_second: number;
  p_value: number;
}

export interface RunDifferences {
  reference: string;
  run: string;
  differences: RunDifference[];
}

export interface RunEpoch {
  epoch: number;
  learning_rate: number | null;
  loss: number | null;
  measures: Record<string, number | null>;
  accuracy: Record<string, Record<string, Record<string, number | null>>>;
  seconds: number | null;
}

export interface GroupPoint {
  epoch: number;
  network: string;
  rows: EvaluationRow[];
}

export interface RunSummary {
  path: string;
  state: RunState;
  method: string | null;
  options: Record<string, unknown>;
  network: string | null;
  dataset: string | null;
  scores: string | null;
  seed: number | null;
  epochs: number | null;
  epoch: number;
  seconds: number | null;
  selection: Record<string, number | null>;
  selection_split: string | null;
  curve: (number | null)[];
  test: EvaluationRow[];
  alarms: number;
  sweep: string | null;
  updated: string;
  problem: string | null;
}

export interface SweepSummary {
  path: string;
  runs: number;
  finished: number;
  compared: boolean;
}

export interface ReproductionSummary {
  path: string;
  items: number;
}

export interface Runs {
  folder: string | null;
  matching: number;
  runs: RunSummary[];
  sweeps: SweepSummary[];
  reproductions: ReproductionSummary[];
  note: string | null;
}

export interface RunDetail extends RunSummary {
  config: Record<string, unknown>;
  environment: Record<string, unknown>;
  events: string[];
  course: RunEpoch[];
  groups: GroupPoint[];
  checkpoints: CheckpointEvaluation[];
}

export interface SweptCell {
  split: string;
  group: string;
  attack: string;
  mean: number | null;
  deviation: number | null;
  seeds: number;
}

export interface SweptRow {
  method: string;
  point: string;
  checkpoint: string;
  seeds: number;
  accuracy: SweptCell[];
}

export interface SweptDifference {
  split: string;
  group: string;
  attack: string;
  count: number;
  seeds: number;
  first: number | null;
  second: number | null;
  difference: number | null;
  low: number | null;
  high: number | null;
  decided: boolean;
}

export interface SweptDifferences {
  method: string;
  point: string;
  reference: string;
  accuracy: SweptDifference[];
}

export interface SweepComparison {
  conditions: Record<string, string>;
  samples: Record<string, number>;
  rows: SweptRow[];
  differences: SweptDifferences[];
  warnings: string[];
  unfinished: string[];
}

export interface SweepDetail extends SweepSummary {
  members: RunSummary[];
  comparison: SweepComparison | null;
  problem: string | null;
}

export interface ReproductionVerdict {
  finding: string;
  verdict: string;
  setting: string;
  numbers: string;
  value: number | null;
  low: number | null;
  high: number | null;
  bound: number | null;
  seeds: number;
}

export interface ReproducedItem {
  name: string;
  title: string;
  shown: string;
  command: string;
  date: string;
  device: string;
  seeds: number[];
  figures: string[];
  verdicts: ReproductionVerdict[];
  problem: string | null;
}

export interface ReproducedClaim {
  sentence: string;
  item: string;
  verdict: ReproductionVerdict | null;
}

export interface ReproductionDetail {
  path: string;
  claims: ReproducedClaim[];
  items: ReproducedItem[];
}

export interface ColumnDensity {
  study: string;
  trials: number;
  digest: string;
  x: string;
  y: string;
  x_edges: number[];
  y_edges: number[];
  counts: number[][];
  undefined: number;
}
