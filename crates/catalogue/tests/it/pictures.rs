use catalogue::{Audience, Error, List};
use model::media::{Stills, Storyboard};

use super::*;

#[tokio::test]
async fn lists_of_titles_say_which_pictures_there_are() {
    for shelf in shelves().await {
        let (id, _, first) = shelf.published("a.mp4").await;
        let (other, ..) = shelf.published("b.mp4").await;
        let board = Storyboard {
            tile_width: 160,
            tile_height: 90,
            columns: 10,
            rows: 10,
            interval_ms: 2000,
            count: 5,
        };
        commit!(shelf, |c, tx| c.add_first_posters(tx, first, &[320])).unwrap();
        let early = Stills { posters: vec![320], are_first: true, storyboard: None };
        assert_eq!(shelf.title(id).await.stills, early);
        assert_eq!(early.poster(320), "first-poster/320.jpg");
        // None can be made of the whole: those of the beginning stay.
        commit!(shelf, |c, tx| c.add_posters(tx, first, &[])).unwrap();
        assert_eq!(shelf.title(id).await.stills, early);
        commit!(shelf, |c, tx| c.add_posters(tx, first, &[320, 640])).unwrap();
        commit!(shelf, |c, tx| c.add_storyboard(tx, first, &board)).unwrap();
        let stills = Stills { posters: vec![320, 640], are_first: false, storyboard: Some(board) };
        assert_eq!(stills.poster(320), "poster/320.jpg");
        let list = shelf.catalogue.list(&List::newest(Audience::Guest)).await.unwrap();
        assert!(list.is_empty());
        let list = shelf.catalogue.list(&List::newest(Audience::Operator)).await.unwrap();
        let found: Vec<_> = list.into_iter().map(|title| (title.id, title.stills)).collect();
        assert_eq!(found, [(other, Stills::default()), (id, stills.clone())]);
        assert_eq!(shelf.catalogue.stills(first).await.unwrap(), stills);

        // Those of another encode are not shown until it is.
        let (_, second) = shelf.plan(id).await.unwrap();
        commit!(shelf, |c, tx| c.add_posters(tx, second, &[])).unwrap();
        assert_eq!(shelf.title(id).await.stills, stills);
        assert_eq!(shelf.catalogue.stills(second).await.unwrap(), Stills::default());
        let unknown = commit!(shelf, |c, tx| c.add_posters(tx, Generation::new(), &[320]));
        assert!(matches!(unknown, Err(Error::NoGeneration { .. })));
    }
}
