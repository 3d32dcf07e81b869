/// What knows its own place in a list.
protocol Placed: AnyObject {
    /// Set by the list alone, and good while it is in one.
    var place: Int { get set }
}

/// Elements in no order, which come and go without a search however many there are.
struct PlacedList<Element: Placed> {
    private(set) var elements: [Element] = []

    mutating func append(_ element: Element) {
        element.place = elements.count
        elements.append(element)
    }

    /// Takes an element out, which must be in it: the last one takes its place.
    mutating func remove(_ element: Element) {
        let last = elements.removeLast()
        guard last !== element else { return }
        elements[element.place] = last
        last.place = element.place
    }
}
