//! What nobody knows is told once for each shape, with a sample that becomes a golden case.

use adapter::Resume;
use model::Fact;
use testkit::cases;
use truth::{Play, Weather, case, houses};

#[test]
fn a_sample_becomes_a_case_of_the_same_shape() {
    for house in houses() {
        let weather = Weather {
            novelty: 0.1,
            ..Weather::clear()
        };
        let dialect = house.dialects()[0];
        let play = Play {
            dialect,
            weather: (0, &weather),
            seed: 5,
            calls: 30,
            record: false,
        };
        let played = play.run(&*house);
        assert!(played.score.is_clean(), "{}", played.score.faults());
        let name = house.name();
        let source = played.source.expect("a source");
        let samples = played.samples;
        assert!(samples.len() >= 3, "{name}: {} shapes", samples.len());
        let root = tempfile::tempdir().unwrap();
        for event in &samples {
            let shape = event.data.reason.clone().expect("a shape");
            let counted = source.unrecognized.get(&shape).copied().unwrap_or(0);
            assert!(counted > 0, "{name}: {shape} is not counted");
            let dir = case::of_sample(&houses(), event, root.path())
                .unwrap_or_else(|error| panic!("{name}: {shape}: {error}"));
            let case = cases::read(&dir, house.encode()).unwrap();
            let mut shapes = Vec::new();
            let mut translator = house.adapter(&case.source).translator(Resume::default());
            cases::play(&case, &mut *translator, |moment| {
                let observations = moment
                    .output
                    .reports
                    .into_iter()
                    .flat_map(|r| r.observations);
                shapes.extend(
                    observations.filter_map(|observation| match observation.fact {
                        Fact::Unrecognized { shape } => Some(shape),
                        _ => None,
                    }),
                );
            });
            assert!(shapes.contains(&shape), "{name}: {shape} became {shapes:?}");
        }
        let frames: u64 = source.unrecognized.values().sum();
        let told = u64::try_from(samples.len()).unwrap();
        assert!(frames > told, "{name}: {frames} messages of {told} shapes");
    }
}
