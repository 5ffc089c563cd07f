// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "../IArbiter.sol";

/// @title The pinpoint challenge: the arbiter that decides who is wrong
/// @notice The vocabulary of the game contract: moves, events, errors. docs/spec/pinpoint.md has the rules. A court opens a
/// claim here for each accuser; the players make their moves here; the court pulls the ruling. Claims belong to the court
/// that opened them. Periods and clocks are blocks, hashes are SHA-256.
///
/// A game is one challenger against one seat of a claim, and exists from the block in which both do. Its id is the claim's with
/// the number of the seat and that of the challenger in the last four bytes (`gameIdOf`).
interface IPinpoint is IArbiter {
    // ---------------------------------------------------------------- types

    enum Side {
        None,
        Asserter,
        Challenger
    }

    /// @notice The lists that a game descends; `Results`, which an export of the items or of the values leads to; and its end, where
    /// nothing is left but to prove.
    enum Level {
        Items,
        Values,
        Words,
        Trace,
        Results,
        End
    }

    enum End {
        None,
        RootAfter,
        RootBefore,
        Sum,
        Metric,
        Inbound,
        Input,
        Export,
        Word,
        Stored,
        Block
    }

    /// @notice How a game was decided.
    enum Decision {
        Proof,
        Timeout,
        Concession
    }

    /// @notice A word that a building block needs.
    struct WordRef {
        bool traced; //   of the trace, or of an operand of the node
        uint8 operand; // 0 for a word of the trace
        uint64 index;
    }

    /// @notice What choices and proofs bring along; what a level or an end does not need is empty.
    struct Evidence {
        bytes entry; //       packed bytes of the disputed entry
        bytes facts; //       packed facts of the job
        bytes node; //        canonical bytes of the node whose value is disputed
        bytes[] nodePath; //  its opening against the graph's root
        WordRef[] words; //   those that `openings` opens for a block
        bytes[][] openings; // preimages from a root downwards, in the order of docs/spec/pinpoint.md
    }

    struct GameView {
        Level level;
        End end; //               in `Results` that which they lead to
        Side turn;
        Side winner;
        bool rooted; //           the root of the level's list is known
        uint8 height; //          of the node in question
        uint48 since; //          block in which the turn began
        uint32 asserterClock; //  blocks left at that time
        uint32 challengerClock;
        uint48 gas; //            used by the challenger's moves
        uint48 index; //          of the node at its height; at the end the last choice, exports counted from `count` on
        uint48 count; //          items of the level's list
        uint32 item;
        uint32 value;
        uint32 element;
        uint32 word; //           chosen in a word list
        bytes32 node; //          the node in question, or the item chosen last
        address asserter;
        address challenger;
    }

    struct ClaimView {
        address court;
        uint32 responsePeriod;
        uint16 replicas;
        uint32 items; //       of the entry; 0 until its items were first posted
        uint48 defendUntil; // last block for acceptors to take a seat; 0 while no seat was lost
        bytes32 factsHash;
        PartyView[] seats;
        PartyView[] challengers;
        PartyView[] acceptors;
    }

    /// @param done A seat that was lost, a challenger that has lost a game, an acceptor that has taken a seat.
    struct PartyView {
        address account;
        bool done;
    }

    // --------------------------------------------------------------- events

    event ClaimOpened(
        address indexed court,
        bytes32 indexed entryHash,
        bytes32 indexed claimId,
        bytes32 jobId,
        bytes32 factsHash,
        address solver,
        uint16 replicas,
        uint32 responsePeriod
    );
    event AcceptorAdded(bytes32 indexed claimId, address indexed acceptor);
    event ChallengerJoined(bytes32 indexed claimId, address indexed challenger, uint16 number);
    event SeatTaken(bytes32 indexed claimId, address indexed account, uint16 number);
    /// @notice Acceptors may take a seat until the given block, which the first loss fixes.
    event SeatLost(bytes32 indexed claimId, address indexed account, uint16 number, uint48 defendUntil);
    /// @notice The asserter showed what is under the node in question, `node`: `data` is its preimage.
    event Posted(
        bytes32 indexed gameId,
        address indexed player,
        Level level,
        uint8 height,
        uint48 index,
        bytes32 node,
        bytes data,
        uint32 asserterClock,
        uint32 challengerClock
    );
    /// @notice The challenger named item or export `choice` of the list of `level`. `node` is where that leads: a node of the same
    /// list; or, where `next` is another level, the item, or the leaf that holds `word`. `height` and `count` are those of the next list.
    event Chosen(
        bytes32 indexed gameId,
        address indexed player,
        Level level,
        uint48 choice,
        Level next,
        End end,
        Side turn,
        uint8 height,
        uint48 count,
        bytes32 node,
        uint32 word,
        uint32 asserterClock,
        uint32 challengerClock
    );
    /// @notice The evidence of an end was authentic; these two were compared.
    event Compared(bytes32 indexed gameId, address indexed player, End end, bytes32 left, bytes32 right);
    event Decided(bytes32 indexed gameId, Side winner, Decision decision);
    /// @notice The challenger loses over a sum that the asserter has not computed, but `replica` has.
    event Passed(bytes32 indexed gameId, address indexed challenger, uint16 replica);

    // --------------------------------------------------------------- errors

    /// @notice Thrown when the court has not opened a claim for the entry.
    error NoClaim(bytes32 entryHash);
    /// @notice Thrown when an accusation has no solver, no accuser, no replicas, or a response period of 0 or of 2^30 blocks and more.
    error BadAccusation();
    /// @notice Thrown when a claim has as many acceptors as its views can walk over, or challengers as can be numbered.
    error ClaimFull(bytes32 claimId);
    /// @notice Thrown when the caller has not accepted the claim, has a seat, or the time to take one is over.
    error CannotDefend(uint48 until);
    /// @notice Thrown when the game is unknown, decided, or void because its seat or its challenger has lost another one.
    error GameOver(bytes32 gameId);
    /// @notice Thrown when the caller is not the player whose move it would be.
    error NotYourTurn(Side turn);
    /// @notice Thrown when the game is at another level than the move is for.
    error WrongLevel(Level level);
    /// @notice Thrown when the player's clock has run out.
    error OutOfTime(uint48 until);
    /// @notice Thrown when the clock of the player to move has not run out.
    error InTime(uint48 until);
    /// @notice Thrown when evidence is not what the claim commits to; `part` names it.
    error WrongEvidence(bytes32 part);
    /// @notice Thrown when a preimage has another size than the node that it should be of.
    error WrongSize(uint256 expected, uint256 given);
    /// @notice Thrown when bytes are not the preimage of the node at this height and number.
    error WrongPreimage(uint256 height, uint256 index);
    /// @notice Thrown when an opening has more or fewer preimages than there are levels.
    error WrongDepth(uint256 expected, uint256 given);
    /// @notice Thrown when a choice is not under the node in question, or neither item nor export.
    error OutOfRange(uint256 index);
    /// @notice Thrown when a root differs from what the seat has posted for this list before.
    error WrongRoot(bytes32 posted);
    /// @notice Thrown when bytes are not those of a node of a graph.
    error BadNode();

    // ---------------------------------------------------------------- moves

    /// @notice The asserter shows the preimage of the node in question, or of the root of the list that the game has entered.
    /// @param header On entering `Words`: the tensor root's preimage without its last 32 bytes. On entering `Items`, unless that has been
    /// done for this claim: the packed entry, then the packed facts. Empty otherwise.
    /// @param data Child hashes side by side; at the bottom of a word list its leaf; of a list of one hash that hash.
    function post(bytes32 gameId, bytes calldata header, bytes calldata data) external;

    /// @notice The challenger names an item, or from the list's length on an export, and goes towards it. Of the sums under `lanesRoot` it may
    /// name one that others than the asserter have exchanged: it has lost this game, and is passed on to who has computed that sum.
    /// @param path Preimages from the node in question downwards, as many as the challenger has; none for an export.
    /// @param evidence Where the choice is reached: of items and values `entry` and `facts`; of a node's value `node` and `nodePath`, too; of
    /// a word of such a value `node` again.
    function choose(bytes32 gameId, uint64 index, bytes[] calldata path, Evidence calldata evidence) external;

    /// @notice Either player ends a game that is at its end: the openings are checked, then two things are compared. If they are
    /// equal the challenger has lost, else the asserter.
    /// @param evidence `openings`; of a block `node` and `words`; and, but for a block or the last word of a trace, `entry`
    /// and `facts`.
    function prove(bytes32 gameId, Evidence calldata evidence) external;

    /// @notice Anyone ends a game whose player to move is out of time.
    function timeout(bytes32 gameId) external;

    /// @notice One of the players gives a game up. With it the asserter loses its seat.
    function concede(bytes32 gameId) external;

    /// @notice An acceptor takes a seat of its own, once one was lost: new games against all challengers that have not lost.
    function defend(address court, bytes32 entryHash) external;

    // ---------------------------------------------------------------- views

    function claimIdOf(address court, bytes32 entryHash) external pure returns (bytes32);

    function gameIdOf(bytes32 claimId, uint16 seat, uint16 challenger) external pure returns (bytes32);

    function claimOf(bytes32 claimId) external view returns (ClaimView memory);

    function gameOf(bytes32 gameId) external view returns (GameView memory);

    /// @return The root that the game's seat has posted for a list; zero if none. Coordinates below the level are ignored.
    function rootOf(bytes32 gameId, Level level, uint32 item, uint32 value, uint32 element)
        external
        view
        returns (bytes32);
}
