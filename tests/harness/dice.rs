//! Numbers that look random and are the same on every machine: comes in a seed, goes out a sequence (splitmix64).

#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of one place in a run.
    pub fn new(seed: u64, place: u64) -> Dice {
        let mut dice = Dice(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ place);
        dice.roll();
        dice
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let a = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        b ^ (b >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    pub fn trace_id(&mut self) -> Vec<u8> {
        [self.roll().to_be_bytes(), self.roll().to_be_bytes()].concat()
    }

    pub fn span_id(&mut self) -> Vec<u8> {
        self.roll().to_be_bytes().to_vec()
    }
}
