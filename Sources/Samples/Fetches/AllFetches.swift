/// All families of fetches. To add one: a line here.
enum AllFetches {
    static let all: [FetchKeyword] = [
        ConstantFetches.all, ClientFetches.all, MessageFetches.all, HeaderFetches.all,
    ].flatMap { $0 }
}
