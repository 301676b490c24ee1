//! What the shop sells, and the carts of its customers: in memory, bounded.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

/// At most this many carts are kept; the oldest goes first.
const CARTS_MAX: usize = 10_000;
/// At most this many pieces of one product are in one cart. Its lines are bounded by [`PRODUCTS`].
const QUANTITY_MAX: u32 = 99;

/// Something to buy.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Product {
    /// Number, from 1.
    pub(super) id: u32,
    /// Name.
    pub(super) name: &'static str,
    /// Price in cents.
    pub(super) cents: u32,
}

const fn product(id: u32, name: &'static str, cents: u32) -> Product {
    Product { id, name, cents }
}

/// All products, by ascending number without gaps.
pub(super) const PRODUCTS: &[Product] = &[
    product(1, "enamel mug", 1_250),
    product(2, "linen notebook", 1_490),
    product(3, "brass pen", 3_900),
    product(4, "desk lamp", 6_800),
    product(5, "wool blanket", 8_950),
    product(6, "beeswax candle", 990),
    product(7, "oak tray", 4_200),
    product(8, "canvas bag", 2_400),
    product(9, "tea tin", 1_150),
    product(10, "cast iron pan", 5_600),
    product(11, "kitchen towel", 850),
    product(12, "wall clock", 7_300),
];

/// The product of a number.
pub(super) fn find(id: u32) -> Option<&'static Product> {
    PRODUCTS.get(id.checked_sub(1)? as usize)
}

/// What a customer asks to be put into a cart.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// An existing cart; without it a new one is taken.
    pub(super) cart: Option<String>,
    /// Which product.
    pub(super) product: u32,
    /// How many pieces.
    #[serde(default = "one")]
    pub(super) quantity: u32,
}

fn one() -> u32 {
    1
}

/// One product in a cart.
#[derive(Debug, Clone, Serialize)]
struct Line {
    product: u32,
    quantity: u32,
    cents: u32,
}

/// A cart as its owner sees it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Cart {
    #[serde(rename = "cart")]
    id: String,
    lines: Vec<Line>,
    total_cents: u64,
}

/// Why a wish was not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such product.
    NoProduct,
    /// There is no such cart, or it was forgotten.
    NoCart,
    /// Zero pieces, or more than a cart holds.
    Quantity,
}

impl Refusal {
    /// The refusal in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::NoProduct => "no such product",
            Self::NoCart => "no such cart",
            Self::Quantity => "a cart holds 1 to 99 pieces of a product",
        }
    }
}

/// All carts.
#[derive(Debug, Default)]
pub(super) struct Carts {
    by_id: HashMap<String, Cart>,
    oldest_first: VecDeque<String>,
}

impl Carts {
    /// A cart by its id.
    pub(super) fn get(&self, id: &str) -> Option<&Cart> {
        self.by_id.get(id)
    }

    /// Puts a wish into its cart, or into a new one with the id `fresh`.
    pub(super) fn add(&mut self, wish: &Wish, fresh: u64) -> Result<&Cart, Refusal> {
        let product = find(wish.product).ok_or(Refusal::NoProduct)?;
        if !(1..=QUANTITY_MAX).contains(&wish.quantity) {
            return Err(Refusal::Quantity);
        }
        let id = match &wish.cart {
            Some(id) if self.by_id.contains_key(id) => id.clone(),
            Some(_) => return Err(Refusal::NoCart),
            None => self.open(fresh),
        };
        let cart = self.by_id.get_mut(&id).ok_or(Refusal::NoCart)?;
        put(cart, product, wish.quantity)?;
        Ok(cart)
    }

    fn open(&mut self, fresh: u64) -> String {
        let id = format!("{fresh:016x}");
        while self.by_id.len() >= CARTS_MAX {
            let Some(oldest) = self.oldest_first.pop_front() else {
                break;
            };
            self.by_id.remove(&oldest);
        }
        let cart = Cart { id: id.clone(), lines: Vec::new(), total_cents: 0 };
        // An id that fell twice goes on with the cart that has it already.
        if !self.by_id.contains_key(&id) {
            self.by_id.insert(id.clone(), cart);
            self.oldest_first.push_back(id.clone());
        }
        id
    }
}

fn put(cart: &mut Cart, product: &Product, quantity: u32) -> Result<(), Refusal> {
    match cart.lines.iter_mut().find(|line| line.product == product.id) {
        Some(line) if line.quantity + quantity > QUANTITY_MAX => return Err(Refusal::Quantity),
        Some(line) => line.quantity += quantity,
        None => cart.lines.push(Line { product: product.id, quantity, cents: product.cents }),
    }
    cart.total_cents += u64::from(quantity) * u64::from(product.cents);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(cart: Option<&str>, product: u32, quantity: u32) -> Wish {
        Wish { cart: cart.map(String::from), product, quantity }
    }

    #[test]
    fn products_are_found_by_their_number() {
        for product in PRODUCTS {
            assert_eq!(find(product.id).unwrap().name, product.name);
        }
        assert!(find(0).is_none() && find(PRODUCTS.len() as u32 + 1).is_none());
    }

    #[test]
    fn a_cart_adds_up() {
        let mut carts = Carts::default();
        let id = carts.add(&wish(None, 1, 2), 77).unwrap().id.clone();
        let cart = carts.add(&wish(Some(&id), 2, 1), 78).unwrap();
        assert_eq!((cart.lines.len(), cart.total_cents), (2, 2 * 1_250 + 1_490));
        assert_eq!(carts.get(&id).unwrap().total_cents, 3_990);
    }

    #[test]
    fn wishes_out_of_bounds_are_refused() {
        let mut carts = Carts::default();
        assert_eq!(carts.add(&wish(None, 99, 1), 1).unwrap_err(), Refusal::NoProduct);
        assert_eq!(carts.add(&wish(None, 1, 0), 1).unwrap_err(), Refusal::Quantity);
        assert_eq!(carts.add(&wish(None, 1, 100), 1).unwrap_err(), Refusal::Quantity);
        assert_eq!(carts.add(&wish(Some("none"), 1, 1), 1).unwrap_err(), Refusal::NoCart);
        let id = carts.add(&wish(None, 1, 99), 1).unwrap().id.clone();
        assert_eq!(carts.add(&wish(Some(&id), 1, 1), 2).unwrap_err(), Refusal::Quantity);
    }

    #[test]
    fn the_oldest_cart_makes_room() {
        let mut carts = Carts::default();
        for fresh in 0..=CARTS_MAX as u64 {
            carts.add(&wish(None, 1, 1), fresh).unwrap();
        }
        assert_eq!(carts.by_id.len(), CARTS_MAX);
        assert_eq!(carts.oldest_first.len(), CARTS_MAX);
        assert!(carts.get(&format!("{:016x}", 0)).is_none());
        assert!(carts.get(&format!("{CARTS_MAX:016x}")).is_some());
    }
}
