/// What the command was asked for.
struct Options {
    var seeds = 10_000
    var from: UInt64 = 1
    var minutes: Double?
    var seed: UInt64?
    var isTraced = false
    var mutation: Mutation?
    var allMutations = false

    static let usage = """
        usage: scripts/simulate [--seeds N] [--from SEED] [--minutes M] [--mutation NAME]
               scripts/simulate --seed SEED [--trace] [--mutation NAME]
               scripts/simulate --mutations [--seeds N]

        Runs seeds from 1 on: N of them (10000), failing when M minutes are not enough; with --minutes
        alone, as many as fit. One seed alone is a replay. --mutations breaks each rule in turn and
        fails unless every breach is found within N seeds.

        mutations: \(Mutation.allCases.map(\.rawValue).joined(separator: ", "))
        """

    /// Nil for what cannot be understood.
    init?(_ arguments: [String]) {
        var rest = arguments[...]
        var namesSeeds = false
        while let name = rest.popFirst() {
            switch name {
            case "--trace": isTraced = true
            case "--mutations": allMutations = true
            case "--seeds":
                guard let count = rest.popFirst().flatMap({ Int($0) }), count > 0 else {
                    return nil
                }
                seeds = count
                namesSeeds = true
            case "--from":
                guard let first = rest.popFirst().flatMap({ UInt64($0) }) else { return nil }
                from = first
            case "--seed":
                guard let only = rest.popFirst().flatMap({ UInt64($0) }) else { return nil }
                seed = only
            case "--minutes":
                guard let limit = rest.popFirst().flatMap({ Double($0) }), limit > 0 else {
                    return nil
                }
                minutes = limit
            case "--mutation":
                guard let known = rest.popFirst().flatMap({ Mutation(rawValue: $0) }) else {
                    return nil
                }
                mutation = known
            default: return nil
            }
        }
        if minutes != nil, !namesSeeds { seeds = .max }
    }
}
