//! Sockets, a log and pages of state that are none.

use std::{
    cell::RefCell,
    io,
    rc::Rc,
    sync::{Mutex, MutexGuard},
};

use model::Position;
use serde_json::value::RawValue;

use crate::{
    block::Blocks,
    fanout::{History, HistoryError, HistoryPage, Pages, socket},
    filter::Filter,
};

#[derive(Default)]
pub(super) struct Pipe {
    pub(super) room: usize,
    pub(super) sent: Vec<u8>,
    pub(super) incoming: Vec<u8>,
    pub(super) ended: bool,
}

pub(super) struct Wire(pub(super) Rc<RefCell<Pipe>>);

#[derive(Default)]
pub(super) struct Log(Mutex<Blocks>);

pub(super) struct Counting(pub(super) usize);

impl socket::Wire for Wire {
    fn write(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let mut pipe = self.0.borrow_mut();
        assert!(!pipe.ended && slices.iter().all(|slice| !slice.is_empty()));
        if pipe.room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut taken = 0;
        for slice in slices {
            let part = slice.len().min(pipe.room);
            pipe.sent.extend_from_slice(&slice[..part]);
            pipe.room -= part;
            taken += part;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut pipe = self.0.borrow_mut();
        if pipe.incoming.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = pipe.incoming.len().min(buffer.len());
        buffer[..n].copy_from_slice(&pipe.incoming[..n]);
        pipe.incoming.drain(..n);
        Ok(n)
    }

    fn end(&mut self) {
        self.0.borrow_mut().ended = true;
    }
}

impl Log {
    pub(super) fn blocks(&self) -> MutexGuard<'_, Blocks> {
        self.0.lock().unwrap()
    }
}

impl History for Log {
    fn page(
        &self,
        after: Position,
        _: &Filter,
        max_bytes: usize,
    ) -> Result<HistoryPage, HistoryError> {
        let mut bytes = 0;
        let blocks: Blocks = self
            .blocks()
            .iter()
            .filter(|block| block.last() > after)
            .take_while(|block| {
                let fits = bytes == 0 || bytes + block.body.len() <= max_bytes;
                bytes += block.body.len();
                fits
            })
            .cloned()
            .collect();
        let scanned_to = blocks.last().map_or(after, |block| block.last());
        Ok(HistoryPage { blocks, scanned_to })
    }
}

impl Pages for Counting {
    fn next(&mut self) -> Option<Box<RawValue>> {
        self.0 = self.0.checked_sub(1)?;
        RawValue::from_string(format!(r#"{{"left":{}}}"#, self.0)).ok()
    }
}
