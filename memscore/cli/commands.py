"""The table of commands: where each is defined, and what it does in one line."""

from __future__ import annotations

from memscore.cli.deferred import Entries, Entry, Group

COMMANDS: Entries = {
    "doctor": Entry(
        "doctor:doctor",
        "Check settings, database, datasets, Ray, GPUs and versions; exit status 1 if there is a problem.",
    ),
    "estimate": Entry(
        "estimate:estimate",
        "Estimate the scores of a dataset: submit a job, and run it here unless --url names a service.",
    ),
    "recipes": Entry(
        "estimate:recipes", "List the named recipes; --json prints them as a starting point for your own recipe files."
    ),
    "train": Entry("training:train", "Train one model and evaluate its checkpoints on typical and atypical samples."),
    "demo": Entry(
        "demo:demo", "Show everything once on scikit-learn's digits: scores, look-ups, adversarial training, a report."
    ),
    "evaluate": Entry(
        "evaluation:evaluate",
        "Attack a network on all, typical and atypical samples, and report how far the result can be trusted.",
    ),
    "compare-runs": Entry(
        "evaluation:compare_runs",
        "Test whether two evaluated networks differ, sample by sample; with further pairs, whether their methods do.",
    ),
    "reproduce": Entry(
        "reproduce:reproduce",
        "Reproduce the paper's figures and tables: train studies and runs, then write figures, numbers and verdicts.",
    ),
    "sets": Entry("sets:sets", "Count the typical and atypical samples, and optionally write their masks."),
    "report": Entry("report:report", "Write a study as one self-contained HTML page."),
    "serve": Entry("service:serve", "Run the service: the API and a dispatcher."),
    "serve-worker": Entry("service:serve_worker", "Answer requests as one of several workers of `serve`.", hidden=True),
    "dispatch": Entry("service:dispatch", "Claim and run jobs until interrupted."),
    "sweep": Entry(
        "sweep:sweep",
        "Train methods x seeds x grid side by side, and compare them by mean and standard deviation over seeds.",
    ),
    "verify": Entry(
        "verification:verify",
        "Verify training by golden values, identities and other packages' attacks; exit status 1 if a check fails.",
    ),
    "db": Group(
        "The database.",
        {
            "upgrade": Entry("database:upgrade_database", "Upgrade the database to the schema of this version."),
            "downgrade": Entry(
                "database:downgrade_database",
                "Downgrade the database to the schema of an earlier version. Stop the service first.",
            ),
            "check": Entry(
                "database:check_database",
                "Verify all stored data and list the damage; exit status 1 if any remains after repairs.",
            ),
            "backup": Entry(
                "backup:backup_database",
                "Back up the SQLite database and the pepper of its keys to one file, also while a service runs.",
            ),
            "restore": Entry(
                "backup:restore_database",
                "Restore the SQLite database and the pepper from a backup. Stop the service first.",
            ),
            "prune": Entry(
                "database:prune_database",
                "Remove old versions of score tables and pairs tables. Evidence is always kept.",
            ),
            "usage": Entry(
                "database:show_usage",
                "Show what takes the disk: trials, tables and logs of each study, files of each dataset.",
            ),
        },
    ),
    "datasets": Group(
        "Datasets: add, list, show, image, export, rename, forget, remove.",
        {
            "add": Entry(
                "datasets:add_dataset",
                "Add a dataset: store its arrays in the home folder and its name in the database.",
            ),
            "list": Entry("datasets:list_datasets", "List the registered datasets."),
            "show": Entry("datasets:show_dataset", "Show one dataset, with the indices of labels flipped on purpose."),
            "image": Entry("datasets:dataset_image", "Write the image of one sample as PNG."),
            "export": Entry(
                "dataset_export:export_dataset",
                "Write a dataset as .npz, .csv, .parquet or class folders, or like its source, with corrected labels.",
            ),
            "rename": Entry("removal:rename_dataset", "Give a dataset another name; its studies stay."),
            "forget": Entry(
                "removal:forget_samples",
                "Overwrite samples, such as images of people who ask; scores stay. "
                "Without --yes, say what would go and ask.",
            ),
            "remove": Entry(
                "removal:remove_dataset",
                "Remove a dataset that no study uses, with its files; without --yes, say what would go and ask.",
            ),
        },
    ),
    "studies": Group(
        "Studies: list, rename, remove.",
        {
            "list": Entry("removal:list_studies", "List the studies, oldest first."),
            "rename": Entry("removal:rename_study", "Give a study another name; its id stays."),
            "remove": Entry(
                "removal:remove_study",
                "Remove a study with its tables and jobs, and with --evidence its trials; without --yes, say what "
                "would go.",
            ),
        },
    ),
    "jobs": Group(
        "Jobs: list, show, watch, cancel, resume, log, events, prune.",
        {
            "list": Entry("jobs:list_jobs", "List jobs, newest first."),
            "show": Entry("jobs:show_job", "Show one job."),
            "watch": Entry(
                "jobs:watch_job",
                "Follow a job until it ends; a service or `memscore dispatch` must run it.",
            ),
            "cancel": Entry(
                "jobs:cancel_job",
                "Cancel a job. Its evidence is kept: `resume` or a later job continues from there.",
            ),
            "resume": Entry(
                "jobs:resume_job", "Queue a cancelled or failed job again; it continues from its evidence."
            ),
            "log": Entry("jobs:job_log", "Print the output of a job's driver and workers, from all its attempts."),
            "events": Entry(
                "jobs:job_events", "Print the state changes of a job; with --json, one JSON object per line."
            ),
            "prune": Entry(
                "removal:prune_jobs",
                "Remove old finished jobs with their events and logs; without --yes, say what would go and ask.",
            ),
        },
    ),
    "review": Group(
        "Reviews of suspicious samples: list, set, export, apply.",
        {
            "list": Entry(
                "reviews:list_reviews", "List the verdicts on a study's training samples, and what they come to."
            ),
            "set": Entry(
                "reviews:review_sample",
                "Say that the label of a training sample is wrong, right or unclear; an earlier verdict is replaced.",
            ),
            "export": Entry(
                "reviews:export_reviews",
                "Write what the reviews change as CSV: index and label, empty to leave a sample out.",
            ),
            "apply": Entry(
                "reviews:apply_reviews",
                "Register the study's dataset with the labels that its reviewers agree on, without the samples they "
                "leave out.",
            ),
        },
    ),
    "scores": Group(
        "Scores of a study.",
        {
            "import": Entry(
                "exchange:import_scores",
                "Import scores from an .npz file: in Feldman and Zhang's layout, or a table of `scores export`.",
            ),
            "export": Entry(
                "exchange:export_scores",
                "Write the score table as npz, csv, parquet or arrow, or scores and influences in Feldman and Zhang's "
                "layout.",
            ),
            "compare": Entry(
                "comparison:compare_scores",
                "Compare the scores of two studies, or of a study with published ones.",
            ),
            "suspects": Entry(
                "suspects:list_suspects",
                "List the samples whose labels are most likely wrong, with the label that held-out trials predict.",
            ),
            "quality": Entry(
                "quality:list_checks",
                "Show how far the scores of a study can be trusted: each check, and what to do where it does not pass.",
            ),
            "risk": Entry(
                "risk:list_risks",
                "List the samples at the highest privacy risk, and what an attack on whole models achieves.",
            ),
            "groups": Entry(
                "suspects:score_groups",
                "Estimate how much groups of training samples, such as duplicates, are memorized together.",
            ),
            "list": Entry("look_ups:list_scores", "List training samples, filtered and sorted."),
            "lookup": Entry("look_ups:look_up_scores", "Look up training samples by their indices."),
            "test": Entry("look_ups:show_test_score", "Show the scores of one test sample."),
            "histogram": Entry(
                "look_ups:show_histogram",
                "Show the distribution of mem, or another column, over the training samples.",
            ),
            "explain": Entry("look_ups:explain_score", "Explain why a training sample has its score."),
            "show": Entry("look_ups:show_score", "Show the scores of one training sample."),
            "top": Entry("look_ups:top_scores", "List the most memorized training samples."),
            "publish": Entry(
                "exchange:publish_scores",
                "Write a study's scores to the tables sample_scores and pair_scores, for queries in SQL.",
            ),
        },
    ),
    "pairs": Group(
        "High-influence pairs of a study.",
        {
            "list": Entry(
                "pairs:list_pairs",
                "List pairs of a training sample and a test sample that it influences: those that hold, then the "
                "strongest.",
            ),
            "duplicates": Entry(
                "pairs:list_duplicates",
                "List copies of training samples by pixels or features, and test samples that depend on one sample.",
            ),
            "export": Entry("pairs:export_pairs", "Write the pairs table as npz, csv, parquet or arrow."),
        },
    ),
    "evidence": Group(
        "The evidence of a study: export, import.",
        {
            "export": Entry(
                "evidence:export_evidence",
                "Write the evidence of a study: which samples each trial trained on and classified correctly.",
            ),
            "import": Entry(
                "evidence:import_evidence",
                "Merge the evidence of a study run elsewhere, and rebuild the scores.",
            ),
        },
    ),
    "keys": Group(
        "API keys: create, list, revoke.",
        {
            "create": Entry("keys:create_key", "Create a key and print it; it cannot be shown again."),
            "list": Entry("keys:list_keys", "List all keys, without their secrets."),
            "revoke": Entry("keys:revoke_key", "Revoke a key; it is refused from now on."),
        },
    ),
}
