/// The prices of one model's tokens, found by class, service tier and context tier.
///
/// A model has few prices and is asked for them several times a call, so they lie in one array
/// that is searched from its beginning: many times faster than hashing a key.
package struct PriceTable: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package let key: PriceKey
        package let price: Pico
    }

    /// In the order of their keys.
    package private(set) var entries: [Entry] = []
    /// Every context tier that has a price, the lowest first.
    package private(set) var contextTiers: [ContextTier] = []

    package init(_ prices: [PriceKey: Pico] = [:]) {
        entries = prices.map(Entry.init)
        arrange()
    }

    package subscript(key: PriceKey) -> Pico? {
        get {
            for entry in entries where entry.key == key { return entry.price }
            return nil
        }
        set {
            entries.removeAll { $0.key == key }
            if let newValue { entries.append(Entry(key: key, price: newValue)) }
            arrange()
        }
    }

    /// The dearest of all prices; nil when there is none.
    package var dearest: Pico? { entries.lazy.map(\.price).max() }

    private mutating func arrange() {
        entries.sort { $0.key < $1.key }
        contextTiers = Set(entries.map(\.key.contextTier)).sorted()
    }
}
