/// Which of a call's two scopes had a spend cap when it was admitted.
package struct CappedScopes: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let key = CappedScopes(rawValue: 1)
    package static let project = CappedScopes(rawValue: 2)

    /// The scopes by name.
    package var names: [String] {
        (contains(.key) ? ["key"] : []) + (contains(.project) ? ["project"] : [])
    }

    /// Whether every bit of the raw value is a scope.
    package var isKnown: Bool { isSubset(of: [.key, .project]) }
}
