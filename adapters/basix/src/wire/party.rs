//! Parties that a leg tells of: whom it was for, and the related leg in short.

use super::{
    encoded::EndUser,
    record::{Field, Scalar},
    term::{Term, Value},
};

/// Whom an inbound leg was for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target<'a> {
    /// `user` or `group`.
    pub kind: Scalar<'a>,
    /// Its id.
    pub id: Option<i64>,
    /// Its name.
    pub name: Scalar<'a>,
    /// How it was reached, usually the number dialled.
    pub address: Scalar<'a>,
}

/// The related leg in short, also when it is not told of otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OtherInfo<'a> {
    /// `user` or `end_user`.
    pub kind: Scalar<'a>,
    /// The user on it, when it is a user's.
    pub user_id: Option<i64>,
    /// Who is outside, when it is an end user's.
    pub end_user: Option<EndUser<'a>>,
    /// `inbound` or `outbound`.
    pub direction: Scalar<'a>,
    /// `internal` or `external`.
    pub peer_location: Scalar<'a>,
    /// A number of the public network, or the name of a terminal.
    pub address: Scalar<'a>,
    /// When it began, µs since 1970; none when there is no such leg yet.
    pub offer_timestamp: Option<i64>,
    /// The group that owns it, when it is a user's.
    pub group_id: Option<i64>,
    /// When it was answered, µs since 1970; servers of 2021 to 2023.
    pub answer_timestamp: Option<i64>,
    /// Of Whoscall, percent-encoded JSON; servers since 2024.
    pub whoscall: Scalar<'a>,
}

impl<'a> Field<'a> for Option<Target<'a>> {
    fn take(&mut self, value: Term<'a>) -> bool {
        let Some(mut at) = value.elements() else {
            return false;
        };
        if at.len() == 0 {
            return true;
        }
        *self = Some(Target {
            kind: at.next().and_then(Term::text),
            id: at.next().and_then(Term::int),
            name: at.next().and_then(Term::text),
            address: at.next().and_then(Term::text),
        });
        true
    }
}

impl<'a> Field<'a> for Option<Box<OtherInfo<'a>>> {
    fn take(&mut self, value: Term<'a>) -> bool {
        let Some(mut at) = value.elements() else {
            return false;
        };
        if at.len() == 0 {
            return true;
        }
        let kind = at.next().and_then(Term::text);
        let who = at.next();
        let user = kind.as_deref() == Some("user");
        let mut info = OtherInfo {
            kind,
            user_id: who.filter(|_| user).and_then(Term::int),
            end_user: who
                .filter(|_| !user)
                .and_then(Term::text)
                .and_then(EndUser::parse),
            direction: at.next().and_then(Term::text),
            peer_location: at.next().and_then(Term::text),
            address: at.next().and_then(Term::text),
            offer_timestamp: at.next().and_then(Term::int),
            group_id: at.next().filter(|_| user).and_then(Term::int),
            ..OtherInfo::default()
        };
        if let Some(last) = at.next() {
            match last.value() {
                Value::Int(micros) | Value::Time(micros) => info.answer_timestamp = Some(micros),
                _ => info.whoscall = last.text(),
            }
        }
        *self = Some(Box::new(info));
        true
    }
}

impl<'a> Field<'a> for Option<Term<'a>> {
    fn take(&mut self, value: Term<'a>) -> bool {
        *self = Some(value);
        true
    }
}
