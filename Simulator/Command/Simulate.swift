import Glibc

/// Runs a whole deployment of Farebox under faults, seed after seed; `scripts/simulate` builds it.
@main
struct Simulate {
    static func main() async {
        guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
            print(Options.usage)
            exit(2)
        }
        let isSound: Bool
        if let seed = options.seed {
            isSound = replay(seed, options.mutation, lines: options.isTraced ? .max : 40)
        } else if options.allMutations {
            isSound = await mutations(options)
        } else {
            isSound = await campaign(options)
        }
        exit(isSound ? 0 : 1)
    }

    private static func campaign(_ options: Options) async -> Bool {
        let report = await Campaign(
            from: options.from,
            seeds: options.seeds,
            mutation: options.mutation,
            deadline: options.minutes.map { .now + .seconds($0 * 60) }
        ).run()
        print(report.words)
        if let broken = report.broken {
            return replay(broken.seed, options.mutation, lines: 40)
        }
        guard report.seeds >= options.seeds || options.seeds == .max else {
            print("the time was not enough for \(options.seeds) seeds")
            return false
        }
        print("every invariant held after every step")
        return true
    }

    /// Runs a seed again, and shows the last steps before what it breaks.
    private static func replay(_ seed: UInt64, _ mutation: Mutation?, lines: Int) -> Bool {
        let world = World(seed: seed, mutation: mutation, isTraced: true)
        world.run()
        for line in world.trace.lines.suffix(lines) {
            print("\(padded(line.moment)) µs  \(line.words)")
        }
        guard let failure = world.failure else {
            print("seed \(seed): every invariant held after every one of its steps")
            return true
        }
        let switches = mutation.map { " --mutation \($0.rawValue)" } ?? ""
        print("\nseed \(seed) breaks a rule: \(failure)")
        print("all of it: scripts/simulate --seed \(seed) --trace\(switches)")
        return false
    }

    /// Breaks each rule in turn; each must be found.
    private static func mutations(_ options: Options) async -> Bool {
        var isSound = true
        for mutation in Mutation.allCases {
            let report = await Campaign(
                from: options.from,
                seeds: options.seeds,
                mutation: mutation,
                deadline: nil
            ).run()
            let name = mutation.rawValue
            if let broken = report.broken {
                print("found    \(name): seed \(broken.seed): \(broken.words)")
            } else {
                print("MISSED   \(name): not within \(report.seeds) seeds")
                isSound = false
            }
        }
        return isSound
    }

    private static func padded(_ moment: Moment) -> String {
        let digits = String(moment)
        return String(repeating: " ", count: max(0, 10 - digits.count)) + digits
    }
}

extension Campaign.Report {
    var words: String {
        let rate = Int(Double(seeds) / max(seconds, 0.001))
        let refusals = statistics.refusals.sorted { $0.key < $1.key }
            .map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        return """
            \(seeds) seeds in \(Int(seconds.rounded())) s (\(rate)/s), \(statistics.steps) steps
            \(statistics.starts) starts, \(statistics.admitted) calls admitted, \
            \(statistics.delivered) answered, \(statistics.interrupted) interrupted, \
            \(statistics.late) too late to be charged
            refused: \(refusals)
            \(statistics.quietChecks) looks at credit that must be free
            """
    }
}

/// How many seeds run at the same time.
func processorCount() -> Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
