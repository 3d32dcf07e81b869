import Synchronization

/// Many seeds on all processors, until one breaks a rule.
struct Campaign: Sendable {
    struct Broken: Sendable {
        let seed: UInt64
        let words: String
    }

    struct Report: Sendable {
        var seeds = 0
        var seconds = 0.0
        var statistics = Statistics()
        var broken: Broken?
    }

    let from: UInt64
    let seeds: Int
    let mutation: Mutation?
    let deadline: ContinuousClock.Instant?

    func run() async -> Report {
        let start = ContinuousClock.now
        let progress = Progress()
        var report = Report()
        await withTaskGroup(of: Report.self) { group in
            for _ in 0..<processorCount() {
                group.addTask { work(progress) }
            }
            for await part in group {
                report.seeds += part.seeds
                report.statistics.add(part.statistics)
                // The least seed, so that the same campaign names the same one.
                if let broken = part.broken, broken.seed < report.broken?.seed ?? .max {
                    report.broken = broken
                }
            }
        }
        report.seconds = (ContinuousClock.now - start) / .seconds(1)
        return report
    }

    /// What the workers share.
    private final class Progress: Sendable {
        let next = Atomic(0)
        let isOver = Atomic(false)
    }

    private func work(_ progress: Progress) -> Report {
        var report = Report()
        while !progress.isOver.load(ordering: .relaxed) {
            let index = progress.next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < seeds else { break }
            if let deadline, ContinuousClock.now >= deadline { break }
            let seed = from &+ UInt64(index)
            let world = World(seed: seed, mutation: mutation, isTraced: false)
            world.run()
            report.seeds += 1
            report.statistics.add(world.statistics)
            if let words = world.failure {
                report.broken = Broken(seed: seed, words: words)
                progress.isOver.store(true, ordering: .relaxed)
            }
        }
        return report
    }
}
