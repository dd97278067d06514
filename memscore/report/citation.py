"""BibTeX entries for the works that define the scores and the sets, and for memscore."""

from __future__ import annotations

import memscore

WORKS = r"""@inproceedings{feldman2020what,
  title     = {What Neural Networks Memorize and Why:
               Discovering the Long Tail via Influence Estimation},
  author    = {Feldman, Vitaly and Zhang, Chiyuan},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {33},
  pages     = {2881--2891},
  year      = {2020}
}

@article{xu2021towards,
  title   = {Towards the Memorization Effect of Neural Networks in Adversarial Training},
  author  = {Xu, Han and Liu, Xiaorui and Wang, Wentao and Ding, Wenbiao and
             Wu, Zhongqin and Liu, Zitao and Jain, Anil and Tang, Jiliang},
  journal = {arXiv preprint arXiv:2106.04794},
  year    = {2021}
}"""


def bibtex(study: str, digest: str) -> str:
    """The entries of both works, and one for memscore with the study and the digest of its score table."""
    return f"""{WORKS}

@software{{memscore,
  title   = {{memscore: Memorization and Influence Scores of Training Samples}},
  version = {{{memscore.__version__}}},
  note    = {{study {study}, score table {digest[:16]}}}
}}"""
