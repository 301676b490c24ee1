//! The words that verdicts are made of, in the languages that teams write them in.
//!
//! A word that stands in none of these lists means nothing here, so it can never make a pass.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    ops::BitOr,
    sync::LazyLock,
};

/// What a word may be. One word may be several things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds(u16);

impl Kinds {
    /// Says that the change passes.
    pub(super) const PASS: Self = Self(1);
    /// Says that it fails.
    pub(super) const FAIL: Self = Self(1 << 1);
    /// Makes a pass or a fail in the same clause doubtful.
    pub(super) const DENIAL: Self = Self(1 << 2);
    /// Makes a pass anywhere in the same line doubtful.
    pub(super) const CONDITION: Self = Self(1 << 3);
    /// Makes a pass in the same clause doubtful: it speaks of another time or another person.
    pub(super) const ELSEWHERE: Self = Self(1 << 4);
    /// Stands before a verdict, as a heading does: `QA`, `Verdict`.
    pub(super) const LABEL: Self = Self(1 << 5);
    /// May stand between the beginning and the pass: `all tests have passed`.
    pub(super) const LEAD: Self = Self(1 << 6);
    /// Something that a reviewer finds, or says there is none of.
    pub(super) const FLAW: Self = Self(1 << 7);
    /// `no`, `without`, …
    pub(super) const NONE: Self = Self(1 << 8);
    /// Says that a flaw is gone.
    pub(super) const MENDED: Self = Self(1 << 9);
    /// Begins a line that takes something of the verdict above it back.
    pub(super) const RETRACTS: Self = Self(1 << 10);
    /// Whoever gets what is passed on, where no test was passed.
    pub(super) const OBJECT: Self = Self(1 << 11);

    /// Whether it is any of these.
    pub(super) fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }
}

impl BitOr for Kinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Longer words are in no list.
pub(super) const LONGEST: usize = 32;

/// Two words that are a failure together.
pub(super) const FAIL_PAIRS: [(&str, &str); 8] = [
    ("changes", "requested"),
    ("changes", "needed"),
    ("changes", "required"),
    ("request", "changes"),
    ("requesting", "changes"),
    ("needs", "work"),
    ("needs", "changes"),
    ("no", "go"),
];

/// Signs that say no.
pub(super) const CROSSES: [char; 6] = ['❌', '🚫', '⛔', '👎', '✖', '🔴'];
/// Signs that make a pass doubtful: irony, and work that goes on.
pub(super) const DOUBTS: [char; 15] =
    ['🙄', '😏', '🙃', '🤡', '😂', '🤣', '😅', '😉', '🤷', '🤔', '⚠', '⏳', '🟡', '🚧', '🤞'];

/// Chinese, Japanese and Korean put no spaces between words, so a run of letters is compared
/// whole with these …
const PASS_RUNS: &str = "通过 通過 已通过 已通過 测试通过 測試通過 全部通过 审核通过 審核通過 评审通过 验收通过 批准 \
    已批准 承認 承認済み 承認します 承認しました 合格 合格です 승인 승인됨 승인합니다 통과 합격";
/// … and is a failure if it has one of these in it.
const FAIL_PARTS: &str = "不通过 不通過 未通过 未通過 没通过 没有通过 拒绝 拒絕 驳回 駁回 失败 失敗 不合格 却下 否認 不承認 \
    未承認 差し戻 不批准 거부 반려 불합격 실패 거절";

const PASS: &str = "pass passed passes approve approved lgtm \
    genehmigt freigegeben abgenommen bestanden \
    approuvé approuvée approuvés validé validée accepté acceptée \
    aprobado aprobada aprobados aceptado aceptada aprovado aprovada aprovados aceito \
    approvato approvata goedgekeurd \
    одобрено одобрен одобрена одобряю утверждено принято пройдено";

const FAIL: &str = "fail failed fails failing failure failures reject rejected rejects rejecting \
    disapproved disapprove unapproved revoke revoked revoking revokes withdraw withdrawn denied \
    veto blocked blocker blockers declined refused nogo nak nack \
    abgelehnt zurückgewiesen durchgefallen fehlgeschlagen gescheitert verweigert widerrufen \
    zurückgezogen \
    rejeté rejetée refusé refusée échoué échouée échec révoqué \
    rechazado rechazada rechazo reprobado fallido fallida falló denegado revocado \
    rejeitado rejeitada reprovado reprovada recusado recusada falhou revogado \
    respinto respinta rifiutato bocciato fallito afgekeurd afgewezen \
    отклонено отклонен отклонён отклонена отклоняю отказано провалено провален отозвано";

const DENIAL: &str = "not no never cannot cant dont wont isnt un non nor neither without zero \
    didnt nobody none nothing hardly barely unable refuse longer \
    nicht kein keine keinen nie niemals ohne pas ne jamais aucun sans nunca jamás sin não nao sem \
    mai niet geen не нет никогда без";

const CONDITION: &str = "pending unless once if until till assuming provided providing except \
    conditional conditionally condition conditions subject awaiting wait waiting hold wip draft \
    partial partially almost tentative tentatively provisional provisionally should would could \
    might maybe perhaps probably but however later please ish guess suppose supposedly allegedly \
    kidding joking joke lol haha sarcasm whatever although though yet nearly mostly contingent \
    noch erst wenn falls sobald sofern aber jedoch vorbehaltlich bedingt außer bis vielleicht \
    teilweise fast würde könnte sollte bitte später unter \
    si mais sauf réserve quand lorsque presque partiellement bientôt \
    pero salvo excepto cuando pendiente casi parcialmente hasta aún todavía quizás \
    se mas exceto quando pendente quase até ainda talvez \
    ma tranne als maar если но когда пока почти частично после кроме возможно";

const ELSEWHERE: &str = "when after before soon must need needs tomorrow by principle theory \
    whenever via instead nach vor morgen après avant demain después antes depois amanhã";

const LABEL: &str = "cq qa code quality security review test tests testing assurance acceptance \
    verdict status result results report final overall decision summary";

const LEAD: &str = "all i we it this change changes is are have has been everything ticket looks \
    good great excellent ok okay yes and fully hereby checks check criteria cases the both now re \
    x build branch pr fix ist sind alles hiermit est tout está todo tudo everything's";

const FLAW: &str = "issue issues problem problems finding findings blocker blockers concern \
    concerns regression regressions vulnerability vulnerabilities failure failures error errors \
    bug bugs objection objections crash crashes broken \
    fehler";

const NONE: &str = "no zero 0 without";

const MENDED: &str = "fixed resolved addressed closed solved repaired mended corrected gone";

const RETRACTS: &str = "but unless provided pending assuming except conditional wait \
    aber sofern vorbehaltlich sauf pero salvo exceto но";

const OBJECT: &str = "to on along over through me";

/// FNV-1a. The words are short and fixed, so nobody can choose them to collide.
#[derive(Clone, Copy)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

type Lexicon = HashMap<&'static str, Kinds, BuildHasherDefault<Fnv>>;

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let lists = [
        (PASS, Kinds::PASS),
        (PASS_RUNS, Kinds::PASS),
        (FAIL, Kinds::FAIL),
        (DENIAL, Kinds::DENIAL),
        (CONDITION, Kinds::CONDITION),
        (ELSEWHERE, Kinds::ELSEWHERE),
        (LABEL, Kinds::LABEL),
        (LEAD, Kinds::LEAD),
        (FLAW, Kinds::FLAW),
        (NONE, Kinds::NONE),
        (MENDED, Kinds::MENDED),
        (RETRACTS, Kinds::RETRACTS),
        (OBJECT, Kinds::OBJECT),
    ];
    let mut lexicon = Lexicon::default();
    for (words, kind) in lists {
        for word in words.split_whitespace() {
            let known: &mut Kinds = lexicon.entry(word).or_default();
            *known = *known | kind;
        }
    }
    lexicon
});

/// What a lower-case word may be.
pub(super) fn kinds(word: &str) -> Kinds {
    let known = LEXICON.get(word).copied().unwrap_or_default();
    if word.ends_with("n't") || word.starts_with("n'") { known | Kinds::DENIAL } else { known }
}

/// What a word of other letters than Latin ones may be by what it has in it: a failure wins, and a
/// pass with more around it is said, but not plainly.
pub(super) fn run(word: &str) -> Option<Kinds> {
    let has = |parts: &str| parts.split_whitespace().any(|part| word.contains(part));
    if has(FAIL_PARTS) {
        Some(Kinds::FAIL)
    } else {
        has(PASS_RUNS).then_some(Kinds::PASS | Kinds::CONDITION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_may_be_several_things() {
        assert!(kinds("blockers").any(Kinds::FAIL) && kinds("blockers").any(Kinds::FLAW));
        assert!(kinds("wouldn't").any(Kinds::DENIAL));
        assert_eq!(kinds("basket"), Kinds::default());
    }

    #[test]
    fn p1_no_word_says_pass_and_also_makes_it_doubtful() {
        let doubt = Kinds::FAIL | Kinds::DENIAL | Kinds::CONDITION | Kinds::ELSEWHERE;
        for (word, kinds) in LEXICON.iter() {
            assert!(!(kinds.any(Kinds::PASS) && kinds.any(doubt)), "{word}");
            assert!(!(kinds.any(Kinds::LEAD) && kinds.any(doubt)), "{word}");
            assert!(word.len() <= LONGEST, "{word}");
        }
    }
}
