import Billing
import Schema
import Shapes

/// The prices of some models at one instant, for people and for programs.
struct ListedPrices {
    let prices: [ListedPrice]
    let currency: Currency

    var result: CommandResult {
        var table = Table(
            .left("MODEL"),
            .left("PRICE"),
            .right("\(currency) PER MILLION"),
            .right("VERSION")
        )
        table.rows = prices.map { price in
            [price.model, price.item, price.price.description, price.version.description]
        }
        return CommandResult(text: table.text, json: .array(prices.map(JSONNode.listedPrice)))
    }
}
