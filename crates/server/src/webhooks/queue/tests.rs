//! What waits, what goes, and the line.

use std::time::Duration;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn at(n: u64) -> Position {
    Position(n)
}

fn queue(lanes: &[u64]) -> Queue {
    let mut queue = Queue::default();
    for (position, lane) in (1..).zip(lanes) {
        assert!(queue.push(at(position), Item::new(*lane, NOW)));
    }
    queue
}

fn all_ready(queue: &mut Queue) -> Vec<u64> {
    std::iter::from_fn(|| queue.next(NOW))
        .map(|position| position.0)
        .collect()
}

#[test]
fn lanes_run_beside_each_other_and_each_in_order() {
    let mut queue = queue(&[7, 7, 8, 7, 8]);
    assert_eq!(all_ready(&mut queue), [1, 3]);
    queue.settle(at(3));
    assert_eq!(all_ready(&mut queue), [5]);
    queue.settle(at(1));
    assert_eq!(all_ready(&mut queue), [2]);
    queue.settle(at(2));
    queue.settle(at(5));
    assert_eq!(all_ready(&mut queue), [4]);
    queue.settle(at(4));
    assert_eq!(
        (queue.lanes(), queue.in_flight(), queue.line()),
        (0, 0, None)
    );
}

#[test]
fn a_failing_head_holds_only_its_own_lane() {
    let mut queue = queue(&[7, 7, 8, 8]);
    assert_eq!(all_ready(&mut queue), [1, 3]);
    let due = NOW.after(Duration::from_secs(5));
    queue.retry(at(1), due, NOW);
    queue.settle(at(3));
    assert_eq!(all_ready(&mut queue), [4]);
    queue.settle(at(4));
    assert_eq!((queue.next(NOW), queue.wake()), (None, Some(due)));
    assert_eq!(queue.next(due), Some(at(1)));
    queue.settle(at(1));
    assert_eq!(queue.next(NOW), Some(at(2)));
}

#[test]
fn the_line_waits_for_what_is_neither_settled_nor_saved() {
    let mut queue = queue(&[7, 8, 7, 9]);
    assert_eq!(all_ready(&mut queue), [1, 2, 4]);
    queue.settle(at(2));
    assert_eq!(queue.line(), Some(at(1)));
    queue.retry(at(1), NOW.after(Duration::from_secs(5)), NOW);
    // The head that failed, and what waits behind it; not what is on its way.
    assert_eq!(queue.blocked(), [at(1), at(3)]);
    for position in queue.blocked() {
        queue.save(position);
    }
    assert_eq!((queue.line(), queue.saved()), (Some(at(4)), 2));
    queue.settle(at(4));
    assert_eq!(queue.line(), None);
}

#[test]
fn what_waits_behind_a_head_is_blocked_also_when_its_time_has_come() {
    let mut queue = queue(&[7, 8]);
    assert_eq!(all_ready(&mut queue), [1, 2]);
    let due = NOW.after(Duration::from_secs(5));
    queue.retry(at(1), due, NOW);
    queue.postpone(at(2), due);
    assert_eq!(queue.get(at(2)).map(|item| item.attempts), Some(0));
    // There is room for one only; the other is ready and waits for it.
    assert_eq!(queue.next(due), Some(at(1)));
    assert!(queue.push(at(3), Item::new(8, NOW)));
    assert_eq!(queue.blocked(), [at(2), at(3)]);
    queue.settle(at(1));
    queue.settle(at(2));
    assert!(queue.blocked().is_empty() && !queue.may_block());
}

#[test]
fn what_rests_is_saved_and_not_on_its_way() {
    let mut queue = queue(&[7, 8, 9, 10]);
    for position in [1, 2, 4] {
        queue.save(at(position));
    }
    assert_eq!(queue.next(NOW), Some(at(1)));
    assert_eq!(queue.resting(at(3)), [at(2)]);
    assert_eq!(queue.resting(at(9)), [at(2), at(4)]);
}

#[test]
fn what_is_there_is_not_added_twice() {
    let mut queue = queue(&[7]);
    assert!(!queue.push(at(1), Item::new(7, NOW)));
    assert_eq!(all_ready(&mut queue), [1]);
    assert_eq!(queue.next(NOW), None);
}

/// Whatever order things happen in, nothing is sent twice at a time, out of order in its lane, or forgotten.
#[test]
fn nothing_is_lost_doubled_or_overtaken() {
    let mut random = 12_345_u64;
    let mut below = |n: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % n
    };
    for _ in 0..200 {
        let (mut queue, mut flying, mut sent) = (Queue::default(), Vec::new(), HashMap::new());
        let (mut pushed, mut settled, mut now) = (0, 0, NOW);
        while settled < 60 {
            match below(5) {
                0 | 1 if pushed < 60 => {
                    pushed += 1;
                    queue.push(at(pushed), Item::new(below(4), NOW));
                }
                2 => {
                    if let Some(position) = queue.next(now) {
                        let lane = queue.get(position).unwrap().lane;
                        let last = sent.insert(lane, position);
                        assert!(last.is_none_or(|last| last <= position), "overtaken");
                        assert!(!flying.contains(&position), "twice at a time");
                        flying.push(position);
                    }
                }
                3 if !flying.is_empty() => {
                    let nth = below(flying.len() as u64) as usize;
                    let position = flying.swap_remove(nth);
                    if below(9) == 0 {
                        queue.postpone(position, now.after(Duration::from_secs(below(5))));
                    } else if below(3) == 0 {
                        queue.retry(position, now.after(Duration::from_secs(below(5))), now);
                    } else {
                        assert!(queue.settle(position).is_some());
                        settled += 1;
                    }
                }
                4 => {
                    now = now.after(Duration::from_secs(1));
                    for position in queue.blocked() {
                        queue.save(position);
                    }
                }
                _ => {}
            }
            assert_eq!(queue.in_flight(), flying.len());
            assert!(queue.may_block() || queue.blocked().is_empty());
            assert!(
                queue
                    .line()
                    .is_none_or(|line| !queue.get(line).unwrap().saved)
            );
        }
        assert_eq!((queue.lanes(), queue.unsaved(), queue.saved()), (0, 0, 0));
    }
}
