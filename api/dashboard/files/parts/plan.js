// What a job would cost and give, as the service plans it.

import { h } from "../dom.js";
import { bytes, duration, fixed, whole } from "../format.js";

const brief = (seconds) => (seconds < 10 ? `${Number(seconds.toPrecision(2))} s` : duration(seconds));

/** A plan as rows of a list, with a sentence before it where there is one to say. */
export function planned(plan) {
  const row = (name, value, note) => [
    h("dt", {}, name),
    h("dd", {}, value, note && h("small", { class: "soft" }, note)),
  ];
  const time = plan.device_seconds;
  return [
    plan.new_trials === 0 && h("p", {}, "The study has all of this already: the job would end at once."),
    h(
      "dl",
      { class: "measure plan" },
      row(
        "New trials",
        whole(plan.new_trials),
        `${plan.at_most ? "at most; " : ""}the study then has ${plan.at_most ? "up to " : ""}${whole(plan.trials)}, full trials apart`,
      ),
      plan.at_most &&
        row(
          "Probably",
          plan.expected_trials === null ? "not known" : `about ${whole(plan.expected_trials)} trials`,
          plan.expected_trials === null
            ? "a forecast needs scores, and a target within reach"
            : "forecast from the study's scores",
        ),
      row(
        "Time",
        time === null ? "not known" : duration(time),
        time === null
          ? "no trial of this study was timed yet; the first block will tell"
          : `on one worker, ${brief(plan.seconds_a_trial)} a trial, from ${plan.timed_on}`,
      ),
      row("Disk", bytes(plan.disk_bytes), "evidence"),
      row(
        "Precision",
        `± ${fixed(plan.typical_standard_error, 3)}`,
        `standard error of mem, typically; ${fixed(plan.worst_standard_error, 3)} at worst`,
      ),
    ),
  ];
}
