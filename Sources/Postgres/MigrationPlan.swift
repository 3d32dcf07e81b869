/// What is to be applied, decided from the files and from what the database says.
enum MigrationPlan {
    /// The migrations that are still to be applied, in order.
    ///
    /// Both lists are in order of version. Throws for the first thing that does not fit.
    static func pending(
        files: [Migration],
        applied: [AppliedMigration]
    ) throws(MigrationError) -> ArraySlice<Migration> {
        for (index, recorded) in applied.enumerated() {
            guard recorded.version == Int32(index) + 1 else {
                throw index < files.count ? .skipped(files[index].name) : .unknown(recorded.name)
            }
            guard index < files.count else { throw .unknown(recorded.name) }
            let file = files[index]
            guard file.name == recorded.name else { throw .missing(recorded.name) }
            guard file.digest == recorded.digest else { throw .changed(file.name) }
        }
        return files.dropFirst(applied.count)
    }

    /// Throws unless exactly the required migrations were applied.
    static func verify(
        required: [String],
        applied: [AppliedMigration]
    ) throws(MigrationError) {
        let names = applied.map(\.name)
        if let unknown = names.first(where: { !required.contains($0) }) {
            throw .unknown(unknown)
        }
        let lacking = required.filter { !names.contains($0) }
        guard lacking.isEmpty else { throw .notApplied(lacking) }
    }
}
