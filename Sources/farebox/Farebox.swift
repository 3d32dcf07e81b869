import Glibc

@main
struct Farebox {
    static func main() async {
        let table = CommandTable(
            commands: ServeCommand.all + MigrateCommand.all + CheckConfigurationCommand.all
                + DemoUpstreamCommand.all + AccountCommands.all + KeyCommands.all
                + CreditCommands.all + PriceCommands.all + UsageCommand.all + ExplainCommand.all
                + LedgerCommands.all
        )
        exit(await table.run(Array(CommandLine.arguments.dropFirst())))
    }
}
