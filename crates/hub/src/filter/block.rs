//! Whole blocks that a filter need not look into, by their summary.

use super::Filter;
use crate::log::{Domain, Summary};

impl Filter {
    /// False when no event of a block passes. It may say yes where none does.
    #[must_use]
    pub fn may_pass(&self, block: &Summary<'_>) -> bool {
        let types = self.types();
        let held = || block.types().iter().filter(|kind| types.has(**kind));
        if held().next().is_none() {
            return false;
        }
        // The gateway's own events have no source, so a block may hold more than its sources say; none of it is listed.
        if self.sources().is_some_and(|listed| {
            !listed
                .iter()
                .any(|source| block.sources().contains(&&**source))
        }) {
            return false;
        }
        if held().any(|kind| kind.tells_completeness()) {
            return true;
        }
        let may_have = |domain| {
            move |keys: &[crate::block::Key]| keys.iter().any(|key| block.may_have(domain, *key))
        };
        self.tenants().is_none_or(|listed| {
            listed
                .iter()
                .any(|tenant| block.tenants().contains(&&**tenant))
        }) && self.subjects().is_none_or(may_have(Domain::Subject))
            && self.extensions().is_none_or(may_have(Domain::Extension))
            && self.queues().is_none_or(may_have(Domain::Queue))
    }
}
