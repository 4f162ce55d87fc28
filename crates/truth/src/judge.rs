//! Judges what was published about a call, fact by fact.

mod bench;
mod end;
mod moves;
mod people;

use adapter::truth::TrueCall;
use model::{Call, Direction, OriginKind};

use self::bench::Bench;
use crate::account::{Account, dialled, number};

/// What can be known of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// That there was one.
    Call,
    /// Its direction.
    Direction,
    /// Who called.
    Caller,
    /// What was dialled.
    Callee,
    /// When it began.
    Start,
    /// Which phones rang, and when.
    Ringing,
    /// Who answered first, and when.
    Answer,
    /// Who talked, in order.
    HandledBy,
    /// In which queue it waited, and since when.
    Queue,
    /// Times on hold.
    Hold,
    /// Transfers with their parties.
    Transfer,
    /// The interaction.
    Interaction,
    /// Why it ended.
    Cause,
    /// What came of it.
    Outcome,
    /// Who ended it.
    EndedBy,
    /// When it ended.
    End,
}

/// A judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Told by the PBX, and right.
    Correct,
    /// Concluded by the gateway, and right.
    Inferred,
    /// Otherwise than it was.
    Wrong,
    /// Of something that never was.
    Invented,
    /// Not told.
    Unknown,
}

/// A judged fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which.
    pub fact: Fact,
    /// How it was told.
    pub verdict: Verdict,
    /// What was published.
    pub said: String,
    /// What was true.
    pub really: String,
    /// The published time minus the true one, milliseconds.
    pub error_ms: Option<i64>,
    /// From the true time to the publication, milliseconds.
    pub delay_ms: Option<u64>,
}

/// How far a time of a PBX with a clock of seconds may be off, milliseconds.
pub const PRECISION: i64 = 1_500;

impl Fact {
    /// All of them, in the order of a call.
    pub const ALL: [Self; 16] = [
        Self::Call,
        Self::Direction,
        Self::Caller,
        Self::Callee,
        Self::Start,
        Self::Ringing,
        Self::Answer,
        Self::HandledBy,
        Self::Queue,
        Self::Hold,
        Self::Transfer,
        Self::Interaction,
        Self::Cause,
        Self::Outcome,
        Self::EndedBy,
        Self::End,
    ];

    /// For tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Direction => "direction",
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::Start => "started_at",
            Self::Ringing => "ringing",
            Self::Answer => "answer",
            Self::HandledBy => "handled_by",
            Self::Queue => "queue",
            Self::Hold => "hold",
            Self::Transfer => "transfer",
            Self::Interaction => "interaction",
            Self::Cause => "end cause",
            Self::Outcome => "outcome",
            Self::EndedBy => "ended by",
            Self::End => "ended_at",
        }
    }
}

impl Verdict {
    /// Neither is allowed.
    #[must_use]
    pub const fn is_a_fault(self) -> bool {
        matches!(self, Self::Wrong | Self::Invented)
    }
}

/// Judges a call. Its times must be right to the second when the source was heard `throughout` it.
#[must_use]
pub fn judge(truth: &TrueCall, account: Option<&Account>, throughout: bool) -> Vec<Finding> {
    judge_to(PRECISION, truth, account, throughout)
}

/// The same with times that may be off by so many milliseconds.
#[must_use]
pub fn judge_to(
    precision: i64,
    truth: &TrueCall,
    account: Option<&Account>,
    throughout: bool,
) -> Vec<Finding> {
    let mut bench = Bench {
        truth,
        throughout,
        precision,
        findings: Vec::with_capacity(20),
    };
    match account.and_then(|account| Some((account, account.call.as_deref()?))) {
        Some((account, call)) => bench.all(account, call),
        None => bench.nothing(),
    }
    bench.findings
}

/// A call that nobody made.
#[must_use]
pub fn invented(account: &Account) -> Finding {
    let call = account.call.as_deref();
    let said = call.map_or_else(String::new, |call| {
        let who = |party: &model::Party| number(party).unwrap_or_default();
        let legs: Vec<String> = call
            .legs
            .iter()
            .map(|leg| format!("{} {} of {}", leg.role, who(&leg.party), leg.started_at))
            .collect();
        format!(
            "{} from {} to {}, {} events after its end; {}",
            call.id,
            who(&call.caller),
            who(&call.callee),
            account.after_end,
            legs.join(", ")
        )
    });
    Finding::new(Fact::Call, Verdict::Invented, said, "no such call")
}
impl Bench<'_> {
    /// Nothing was published: all there was to tell is unknown.
    fn nothing(&mut self) {
        let truth = self.truth;
        let untold = |there: bool, fact| there.then_some(fact);
        let facts = [
            Some(Fact::Call),
            Some(Fact::Direction),
            Some(Fact::Caller),
            Some(Fact::Callee),
            Some(Fact::Start),
            untold(!truth.rang.is_empty(), Fact::Ringing),
            untold(!truth.talked.is_empty(), Fact::Answer),
            untold(!truth.talked.is_empty(), Fact::HandledBy),
            untold(!truth.waits.is_empty(), Fact::Queue),
            untold(!truth.holds.is_empty(), Fact::Hold),
            untold(!truth.transfers.is_empty(), Fact::Transfer),
            Some(Fact::Interaction),
            Some(Fact::Cause),
            Some(Fact::Outcome),
            Some(Fact::EndedBy),
            Some(Fact::End),
        ];
        for fact in facts.into_iter().flatten() {
            self.find(fact, Verdict::Unknown, "", "");
        }
    }

    fn all(&mut self, account: &Account, call: &Call) {
        self.call(account);
        self.direction(call);
        let parties = [
            (Fact::Caller, number(&call.caller), &self.truth.caller),
            (Fact::Callee, dialled(&call.callee), &self.truth.callee),
        ];
        for (fact, said, really) in parties {
            self.same(fact, said.as_deref(), really, OriginKind::Native);
        }
        self.timed(
            Fact::Start,
            call.started_at,
            self.truth.started_at,
            None,
            OriginKind::Native,
        );
        self.ringing(account, call);
        self.answer(account, call);
        self.handled_by(account, call);
        self.queue(call);
        self.holds(account);
        self.transfers(account);
        self.interaction(call);
        self.end(account, call);
    }

    fn call(&mut self, account: &Account) {
        let orderly = account.started == 1 && account.ended <= 1 && account.after_end == 0;
        let said = format!(
            "started {}, ended {}, {} events after the end",
            account.started, account.ended, account.after_end
        );
        let verdict = if orderly {
            Verdict::Correct
        } else {
            Verdict::Wrong
        };
        self.find(Fact::Call, verdict, said, "one call");
    }

    fn direction(&mut self, call: &Call) {
        let said = (call.direction != Direction::Unknown).then_some(call.direction.as_str());
        let really = self.truth.direction.as_str();
        self.same(Fact::Direction, said, really, OriginKind::Native);
    }
}
