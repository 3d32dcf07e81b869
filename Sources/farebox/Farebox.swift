import EventLoop
import Glibc

@main
struct Farebox {
    /// Runs the command line, and parks the main thread until the command has ended.
    ///
    /// Not asynchronous: an asynchronous `main` hands the main thread to libdispatch, which waits
    /// there with every signal unblocked. A server's signals are blocked here, before the first
    /// other thread exists, so that all threads inherit it.
    static func main() {
        let table = CommandTable(
            commands: ServeCommand.all + MigrateCommand.all + CheckConfigurationCommand.all
                + DemoUpstreamCommand.all + AccountCommands.all + ProjectCommands.all
                + KeyCommands.all + TokenCommands.all + InstanceCommands.all
                + UpstreamCommands.all + CreditCommands.all + BillingCommands.all
                + InvoiceCommands.all + InvoiceExportCommand.all + InvoiceVerifyCommand.all
                + ExportCommands.all + PriceCommands.all + PlanCommands.all + MarginCommand.all
                + UsageCommand.all + ExplainCommand.all + LedgerCommands.all + VerifyCommand.all
                + SealCommands.all
                + LedgerStatusCommand.all + LedgerResumeCommand.all + LedgerRebuildCommand.all
                + LedgerReplayCommand.all + AlertCommands.all + WebhookCommands.all
                + WebhookMessageCommands.all + TopUpCommands.all
        )
        let words = Array(CommandLine.arguments.dropFirst())
        var signals: SignalSource?
        if table.servesUntilSignalled(words) {
            do {
                signals = try SignalSource()
            } catch {
                complain("\(error)")
                exit(1)
            }
        }
        let source = signals
        // Detached, for the main actor is the thread that is parked below.
        Task.detached { end(await table.run(words, signals: source)) }
        while true { pause() }
    }

    /// Ends the process with all its output written.
    ///
    /// `exit` would run the destructors of the runtime's own C++ objects while other threads still
    /// use them, and now and then abort a command that had done its work.
    private static func end(_ code: Int32) -> Never {
        fflush(nil)
        _exit(code)
    }
}
