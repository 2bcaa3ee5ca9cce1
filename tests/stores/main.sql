BEGIN TRANSACTION;
CREATE TABLE alerts (
	seq INTEGER NOT NULL, 
	type TEXT NOT NULL, 
	message TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	raised_at TEXT NOT NULL, 
	resolved_at TEXT, 
	PRIMARY KEY (seq)
);
INSERT INTO "alerts" VALUES(1,'accuracy','accuracy is 0.5 over 40 labelled predictions; the threshold is 0.8','critical','2026-11-20T09:00:00.000000+00:00',NULL);
INSERT INTO "alerts" VALUES(2,'precision','precision is 0.5 over 40 labelled predictions; the threshold is 0.8','critical','2026-11-20T09:00:00.000000+00:00',NULL);
INSERT INTO "alerts" VALUES(3,'recall','recall is 0.5 over 40 labelled predictions; the threshold is 0.8','critical','2026-11-20T09:00:00.000000+00:00',NULL);
CREATE TABLE blob_refs (
	owner TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (owner, digest)
);
INSERT INTO "blob_refs" VALUES('data/cust_f31d92643e60','5fa791389e381ac34453b9949311d160af7630a4fc2e63257a676df5ace9755e');
INSERT INTO "blob_refs" VALUES('data/cust_f31d92643e60','e45a7d482003e5205f5f76116047603e494180120f9198ee6bd2d3e7468af062');
INSERT INTO "blob_refs" VALUES('data/cust_bb187c1a265d','5fa791389e381ac34453b9949311d160af7630a4fc2e63257a676df5ace9755e');
INSERT INTO "blob_refs" VALUES('data/cust_bb187c1a265d','6ee229cb5418672e3c7cfa8a7732aa19850d07576ece97788d39697231e3683f');
INSERT INTO "blob_refs" VALUES('data/cust_bb187c1a265d','cda0c1bba85fcd1b56b53669e6337c2b8ed8d26bfaf6074b653ff2ea63c8fed8');
INSERT INTO "blob_refs" VALUES('data/matrix_dd850954cb90','09b955ea2bd27ce5087968d321feb3aa0649de8edf3fa682748e03d01bc440b6');
INSERT INTO "blob_refs" VALUES('data/matrix_dd850954cb90','97a8349260d0da50d6557deebf2bafd1c16339ebfeb308a5629c85b3a56bacc3');
INSERT INTO "blob_refs" VALUES('model/churn/1.9/1','6e7990796654e61cf57269261def839809c1f8b15d3173d8e0d18ba16c471d52');
INSERT INTO "blob_refs" VALUES('model/churn/1.10/1','b82050a46e76a36dc830730bc5395666be3829fa85ddf518fd2894153dd122f7');
INSERT INTO "blob_refs" VALUES('model/churn/2rc1/1','eef84d62c81990e92e9df8402e770350adad27c41fb266efd2f79e393e4387f7');
INSERT INTO "blob_refs" VALUES('model/gone/0.1/1','6e7990796654e61cf57269261def839809c1f8b15d3173d8e0d18ba16c471d52');
CREATE TABLE data_chunks (
	"key" TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	place TEXT, 
	PRIMARY KEY ("key")
);
INSERT INTO "data_chunks" VALUES('d5c326572871b0ec37baeef5b6e287a71dd2ab1f5f4fe0a36a4a47ade726ed9c','5fa791389e381ac34453b9949311d160af7630a4fc2e63257a676df5ace9755e','[3704, 704, 0, []]');
INSERT INTO "data_chunks" VALUES('3ef1c294ec44c00ae75e5a1d29a84c32b83d1d6c5165cb084e80c672455eb8f1','5fa791389e381ac34453b9949311d160af7630a4fc2e63257a676df5ace9755e','[4408, 384, 0, []]');
INSERT INTO "data_chunks" VALUES('7dd10b1f4fbaef462c6cc62b2a5ed1cf108fbd6708253fc48c16ebcf5f371f86','5fa791389e381ac34453b9949311d160af7630a4fc2e63257a676df5ace9755e','[0, 2656, 0, []]');
INSERT INTO "data_chunks" VALUES('2e47ae337e0a942fb4888ae24a49356f29435ac3aa20b0940876149b515133a6','5fa791389e381ac34453b9949311d160af7630a4fc2e63257a676df5ace9755e','[2656, 528, 0, []]');
INSERT INTO "data_chunks" VALUES('c42b9901d8d796b4b43b9e077a02ec8c719d32c4e1981f328765935457401e8c','5fa791389e381ac34453b9949311d160af7630a4fc2e63257a676df5ace9755e','[3184, 520, 0, []]');
INSERT INTO "data_chunks" VALUES('0778f71d7035f9fc8fda229bd0c30275ec861ca9dab1bb94c9a6fb50c7fd7e79','6ee229cb5418672e3c7cfa8a7732aa19850d07576ece97788d39697231e3683f','[0, 456, 1, [["7dd10b1f4fbaef462c6cc62b2a5ed1cf108fbd6708253fc48c16ebcf5f371f86", 0, 100]]]');
INSERT INTO "data_chunks" VALUES('3661785a51a4385277a0de380c780366e391041322007b9d51ad8f64badd25e5','6ee229cb5418672e3c7cfa8a7732aa19850d07576ece97788d39697231e3683f','[456, 464, 1, [["2e47ae337e0a942fb4888ae24a49356f29435ac3aa20b0940876149b515133a6", 0, 100]]]');
INSERT INTO "data_chunks" VALUES('1cf0bfebd1cfcf0645dbe272bba1cf974311963050b40d704e25ed18051c9e84','6ee229cb5418672e3c7cfa8a7732aa19850d07576ece97788d39697231e3683f','[920, 464, 1, [["c42b9901d8d796b4b43b9e077a02ec8c719d32c4e1981f328765935457401e8c", 0, 100]]]');
INSERT INTO "data_chunks" VALUES('85229b01ddd8707c5a9cbae8cd28e0b6861630668d4838217e2fe03b7d3316fe','6ee229cb5418672e3c7cfa8a7732aa19850d07576ece97788d39697231e3683f','[1384, 376, 0, []]');
INSERT INTO "data_chunks" VALUES('a5d5b5add62f0da5c85570dee003497c1411b88f05d84152cd611476ac1534ad','97a8349260d0da50d6557deebf2bafd1c16339ebfeb308a5629c85b3a56bacc3','[0, 448, 0, []]');
INSERT INTO "data_chunks" VALUES('49f1273498ccd532c82fff7d3fb10a90a4e0e5f6adbb74ec4e56ebc0a5abb87a','97a8349260d0da50d6557deebf2bafd1c16339ebfeb308a5629c85b3a56bacc3','[448, 376, 0, []]');
CREATE TABLE data_parents (
	version TEXT NOT NULL, 
	parent TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	PRIMARY KEY (version, parent)
);
INSERT INTO "data_parents" VALUES('cust_bb187c1a265d','cust_f31d92643e60',0);
CREATE TABLE data_versions (
	version TEXT NOT NULL, 
	name TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	manifest TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	created_at TEXT NOT NULL, 
	description TEXT, 
	kind TEXT NOT NULL, 
	rows INTEGER NOT NULL, 
	columns INTEGER NOT NULL, 
	size INTEGER NOT NULL, 
	deleted_at TEXT, 
	seal TEXT, 
	PRIMARY KEY (version)
);
INSERT INTO "data_versions" VALUES('cust_f31d92643e60','cust','f31d92643e605dc5cb8c32c53df2551222ed1f70872f5be9fb34fb38a26f2b80','e45a7d482003e5205f5f76116047603e494180120f9198ee6bd2d3e7468af062',1,'2026-11-20T09:00:00.000000+00:00','raw','frame',300,4,5322,NULL,'d00b74fd1c20abde19f49d4d9aa5d4212c8f09350eba90cf628e43f863672753');
INSERT INTO "data_versions" VALUES('cust_bb187c1a265d','cust','bb187c1a265d7d765b01c3d64dff88ff0c101822ca91a4564147c7a85d16c61d','cda0c1bba85fcd1b56b53669e6337c2b8ed8d26bfaf6074b653ff2ea63c8fed8',2,'2026-11-20T09:00:00.000000+00:00','a sample','frame',100,3,6133,NULL,'7789926c3b7cdb60d0bba3ed086e86b877d70b794589c2f476bca4837c497a51');
INSERT INTO "data_versions" VALUES('matrix_dd850954cb90','matrix','dd850954cb90cee29b4113553df6851d429fe8a0480ff806341d792d2a3fa11e','09b955ea2bd27ce5087968d321feb3aa0649de8edf3fa682748e03d01bc440b6',3,'2026-11-20T09:00:00.000000+00:00',NULL,'array',2,3,1097,NULL,'5e082d861591152ed52cb53d4d843900defc33d3beeacf30cc9052c6631b857c');
CREATE TABLE model_ledger (
	seq INTEGER NOT NULL, 
	time TEXT NOT NULL, 
	clock TEXT, 
	kind TEXT NOT NULL, 
	action TEXT NOT NULL, 
	name TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	"key" TEXT, 
	version TEXT, 
	revision INTEGER, 
	digest TEXT, 
	data_version TEXT, 
	value TEXT, 
	origin INTEGER, 
	"by" TEXT NOT NULL, 
	why TEXT NOT NULL, 
	chain TEXT NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "model_ledger" VALUES(1,'2026-11-20T09:00:00.000000+00:00',NULL,'version','register','churn','1.9','1.9','1.9.0',1,'6e7990796654e61cf57269261def839809c1f8b15d3173d8e0d18ba16c471d52','cust_bb187c1a265d','5b63ef1e828fea26ecf2039002a72d8a7189a0b9c3c0e24687bc7ed9338ce463',NULL,'root','','4212ac81017e728db20a46b7ee7b77be9f4fd1dc223f7f54584470a5d84c5c31');
INSERT INTO "model_ledger" VALUES(2,'2026-11-20T09:00:00.000000+00:00',NULL,'version','register','churn','1.10','1.10','1.10.0',1,'b82050a46e76a36dc830730bc5395666be3829fa85ddf518fd2894153dd122f7',NULL,'2f78fcb029925d40ebaf0f36deebeea44c957a80931d6f846dd058c0fbc17e03',NULL,'root','','163c4f0a91751ede67407d864255d268c1f03e35d3b1b0a03351f0efe0b7a7bd');
INSERT INTO "model_ledger" VALUES(3,'2026-11-20T09:00:00.000000+00:00',NULL,'version','register','churn','2rc1','2rc1','2.0.0rc1',1,'eef84d62c81990e92e9df8402e770350adad27c41fb266efd2f79e393e4387f7',NULL,'4d40e06e5f6440a4d8a0c37e84f5af1f5e5520c32bc5ea03885fd62c31605cf8',NULL,'root','','4d96c4bdd1fc4f968668b4405671aa627e334c1d3ba0f0cf91084dc0a328143b');
INSERT INTO "model_ledger" VALUES(4,'2026-11-20T09:00:00.000000+00:00',NULL,'alias','set','churn','champion','1.9','1.9.0',1,'6e7990796654e61cf57269261def839809c1f8b15d3173d8e0d18ba16c471d52','cust_bb187c1a265d',NULL,NULL,'ann','first','0dbc94c02f8c5361f9e509721ca3d382c91c48ee4e7101d95ce43cc9c54d07dc');
INSERT INTO "model_ledger" VALUES(5,'2026-11-20T09:00:00.000000+00:00',NULL,'alias','set','churn','champion','1.10','1.10.0',1,'b82050a46e76a36dc830730bc5395666be3829fa85ddf518fd2894153dd122f7',NULL,NULL,NULL,'ann','better','7ba029c47b023616e0c381f98fa2a1780c0fc15996a760bf063c130dfd7b70e5');
INSERT INTO "model_ledger" VALUES(6,'2026-11-20T09:00:00.000000+00:00',NULL,'tag','set','churn','owner','1.9','1.9.0',1,'6e7990796654e61cf57269261def839809c1f8b15d3173d8e0d18ba16c471d52','cust_bb187c1a265d','"ann"',NULL,'root','','3a868a9368a3b81c091b24680bfd0fd08b3ce9dabefda4f5944498f41f4e3c11');
INSERT INTO "model_ledger" VALUES(7,'2026-11-20T09:00:00.000000+00:00',NULL,'version','register','gone','0.1','0.1','0.1',1,'6e7990796654e61cf57269261def839809c1f8b15d3173d8e0d18ba16c471d52',NULL,'7069aee1a574fb30f7cc762af6bbc69e640fee8dca6f0535224e401501ea2d90',NULL,'root','','a30d560c3e6cc210030c6bd6f4ed5baf367ae85b196cbc4a8772bc4c452da362');
INSERT INTO "model_ledger" VALUES(8,'2026-11-20T09:00:00.000000+00:00',NULL,'version','delete','gone','0.1','0.1','0.1',1,'6e7990796654e61cf57269261def839809c1f8b15d3173d8e0d18ba16c471d52',NULL,NULL,NULL,'root','','9238c25d177ef9dbcb8f3fb50e36545fa8b0b9ca68bff8f3def74694fc7108fa');
CREATE TABLE model_texts (
	digest TEXT NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "model_texts" VALUES('fdad6b89627da7f2915c74cb7afc7731fe101c0b71c08258b0525d85e550b5d1','{"mlops_nb":"0.2.0","numpy":"2.4.6","pandas":"3.1.1","python":"3.11.7","scikit-learn":"1.9.1","scipy":"1.17.1","skops":"0.16.0"}');
INSERT INTO "model_texts" VALUES('e84a52a8568fb6a18d6bb589de156848b5dcb93c668ab9622ca1ea1a0fa92306','{"columns":[{"dtype":"float64","high":3.0660367390488967,"kind":"number","low":-3.1063368012832915,"name":"a","nullable":false},{"dtype":"int64","high":8,"kind":"integer","low":0,"name":"b","nullable":false}],"named":true}');
INSERT INTO "model_texts" VALUES('090a109fd9660b934c4e8df7bb738ebb2038275e7eab7e010c948daed4e283d2','{"C":1.0,"class_weight":null,"dual":false,"fit_intercept":true,"intercept_scaling":1,"l1_ratio":0.0,"max_iter":100,"n_jobs":null,"penalty":"deprecated","random_state":null,"solver":"lbfgs","tol":0.0001,"verbose":0,"warm_start":false}');
INSERT INTO "model_texts" VALUES('d960e58d1354ab28d597d0d994dc2941ebb96baacfdaf1f52e5a890e252d2060','{"C":0.1,"class_weight":null,"dual":false,"fit_intercept":true,"intercept_scaling":1,"l1_ratio":0.0,"max_iter":100,"n_jobs":null,"penalty":"deprecated","random_state":null,"solver":"lbfgs","tol":0.0001,"verbose":0,"warm_start":false}');
INSERT INTO "model_texts" VALUES('a7893ce14ddd60335b3bea31edffb149447d2a81e210752e92f7390e80b08fc6','{"C":0.2,"class_weight":null,"dual":false,"fit_intercept":true,"intercept_scaling":1,"l1_ratio":0.0,"max_iter":100,"n_jobs":null,"penalty":"deprecated","random_state":null,"solver":"lbfgs","tol":0.0001,"verbose":0,"warm_start":false}');
CREATE TABLE model_versions (
	name TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	version TEXT NOT NULL, 
	sort_key TEXT NOT NULL, 
	finished INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	format TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	registered_at TEXT NOT NULL, 
	registered_by TEXT NOT NULL, 
	metadata TEXT NOT NULL, 
	metrics TEXT NOT NULL, 
	tags TEXT NOT NULL, 
	data_version TEXT, 
	golden_rows INTEGER, 
	environment TEXT NOT NULL, 
	signature TEXT, 
	input_example TEXT, 
	params TEXT, 
	golden TEXT, 
	deleted_at TEXT, 
	deleted_by TEXT, 
	PRIMARY KEY (name, "key", revision)
);
INSERT INTO "model_versions" VALUES('churn','1.9',1,'1.9.0','a0a1a90z0z0',1,'live','6e7990796654e61cf57269261def839809c1f8b15d3173d8e0d18ba16c471d52','arrays',688,'2026-11-20T09:00:00.000000+00:00','root','{"accuracy":0.91}','{"auc":0.95}','{"owner":"ann"}','cust_bb187c1a265d',NULL,'fdad6b89627da7f2915c74cb7afc7731fe101c0b71c08258b0525d85e550b5d1','e84a52a8568fb6a18d6bb589de156848b5dcb93c668ab9622ca1ea1a0fa92306',NULL,'090a109fd9660b934c4e8df7bb738ebb2038275e7eab7e010c948daed4e283d2',NULL,NULL,NULL);
INSERT INTO "model_versions" VALUES('churn','1.10',1,'1.10.0','a0a1b100z0z0',1,'live','b82050a46e76a36dc830730bc5395666be3829fa85ddf518fd2894153dd122f7','arrays',688,'2026-11-20T09:00:00.000000+00:00','root','{}','{}','{}',NULL,NULL,'fdad6b89627da7f2915c74cb7afc7731fe101c0b71c08258b0525d85e550b5d1',NULL,NULL,'d960e58d1354ab28d597d0d994dc2941ebb96baacfdaf1f52e5a890e252d2060',NULL,NULL,NULL);
INSERT INTO "model_versions" VALUES('churn','2rc1',1,'2.0.0rc1','a0a20ra10z0',0,'live','eef84d62c81990e92e9df8402e770350adad27c41fb266efd2f79e393e4387f7','arrays',688,'2026-11-20T09:00:00.000000+00:00','root','{}','{}','{}',NULL,NULL,'fdad6b89627da7f2915c74cb7afc7731fe101c0b71c08258b0525d85e550b5d1',NULL,NULL,'a7893ce14ddd60335b3bea31edffb149447d2a81e210752e92f7390e80b08fc6',NULL,NULL,NULL);
INSERT INTO "model_versions" VALUES('gone','0.1',1,'0.1','a0a0a10z0z0',1,'deleted','6e7990796654e61cf57269261def839809c1f8b15d3173d8e0d18ba16c471d52','arrays',688,'2026-11-20T09:00:00.000000+00:00','root','{}','{}','{}',NULL,NULL,'fdad6b89627da7f2915c74cb7afc7731fe101c0b71c08258b0525d85e550b5d1',NULL,NULL,'090a109fd9660b934c4e8df7bb738ebb2038275e7eab7e010c948daed4e283d2',NULL,'2026-11-20T09:00:00.000000+00:00','root');
CREATE TABLE prediction_feedback (
	seq INTEGER NOT NULL, 
	prediction_id TEXT NOT NULL, 
	type TEXT NOT NULL, 
	value TEXT NOT NULL, 
	logged_at TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	FOREIGN KEY(prediction_id) REFERENCES predictions (id)
);
INSERT INTO "prediction_feedback" VALUES(1,'01a1f82f1e807000877ee800dbf56e26','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(2,'01a1f82f1e8070008f9e6e65ab0f2e74','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(3,'01a1f82f1e807000933c079f75943d4d','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(4,'01a1f82f1e8070009227add0f07a0082','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(5,'01a1f82f1e80700093c95345779559d6','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(6,'01a1f82f1e807000950f2fc342a46db4','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(7,'01a1f82f1e8070009a79731370801593','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(8,'01a1f82f1e8070008326b4cb2742bd97','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(9,'01a1f82f1e80700088e9e718d75f4b26','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(10,'01a1f82f1e8070008080efbcf14741b6','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(11,'01a1f82f1e8070009442e3e3325b2b89','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(12,'01a1f82f1e807000836bcf2e0a9d5e10','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(13,'01a1f82f1e807000985ba3d3973f065d','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(14,'01a1f82f1e8070009308af085b5c89bf','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(15,'01a1f82f1e80700083d6a91739d1d77a','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(16,'01a1f82f1e8070008e07d84cfe39d5ea','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(17,'01a1f82f1e8070009d796a9334ba737f','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(18,'01a1f82f1e8070008b0a8b176cdb4d0c','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(19,'01a1f82f1e8070008535606938f6e24c','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(20,'01a1f82f1e8070008108e9f57d09cbab','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(21,'01a1f82f1e8070009482efe2b6aed51f','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(22,'01a1f82f1e80700092d5fc1fdce0eca3','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(23,'01a1f82f1e8070009bf261ca9322da35','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(24,'01a1f82f1e807000912d13eea587ec18','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(25,'01a1f82f1e8070008d78a9414395c645','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(26,'01a1f82f1e8070009d0a1505c7258020','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(27,'01a1f82f1e80700081ea111183f79dcb','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(28,'01a1f82f1e80700084bf4a3403ec8adf','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(29,'01a1f82f1e8070008c89280ed65f36a9','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(30,'01a1f82f1e8070008c2c874f63d9dcd4','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(31,'01a1f82f1e80700098192ae53976c1e1','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(32,'01a1f82f1e8070008e38163f085472f8','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(33,'01a1f82f1e8070009bf784d91a1e9ee7','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(34,'01a1f82f1e8070009330adee07cb4277','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(35,'01a1f82f1e8070009d2f3c3e9a27855e','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(36,'01a1f82f1e807000944dde3c0c522097','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(37,'01a1f82f1e8070009e9ab161c92396ae','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(38,'01a1f82f1e8070008ebe4c06ded45b6e','ground_truth','0','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(39,'01a1f82f1e80700086a70ed6dae64672','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
INSERT INTO "prediction_feedback" VALUES(40,'01a1f82f1e8070009180171baacdb93a','ground_truth','1','2026-11-20T09:00:00.000000+00:00');
CREATE TABLE prediction_inputs (
	input TEXT NOT NULL, 
	prediction_id TEXT NOT NULL, 
	PRIMARY KEY (prediction_id), 
	FOREIGN KEY(prediction_id) REFERENCES predictions (id)
);
INSERT INTO "prediction_inputs" VALUES('{"a":0.0}','01a1f82f1e807000877ee800dbf56e26');
INSERT INTO "prediction_inputs" VALUES('{"a":1.0}','01a1f82f1e8070008f9e6e65ab0f2e74');
INSERT INTO "prediction_inputs" VALUES('{"a":2.0}','01a1f82f1e807000933c079f75943d4d');
INSERT INTO "prediction_inputs" VALUES('{"a":3.0}','01a1f82f1e8070009227add0f07a0082');
INSERT INTO "prediction_inputs" VALUES('{"a":4.0}','01a1f82f1e80700093c95345779559d6');
INSERT INTO "prediction_inputs" VALUES('{"a":5.0}','01a1f82f1e807000950f2fc342a46db4');
INSERT INTO "prediction_inputs" VALUES('{"a":6.0}','01a1f82f1e8070009a79731370801593');
INSERT INTO "prediction_inputs" VALUES('{"a":7.0}','01a1f82f1e8070008326b4cb2742bd97');
INSERT INTO "prediction_inputs" VALUES('{"a":8.0}','01a1f82f1e80700088e9e718d75f4b26');
INSERT INTO "prediction_inputs" VALUES('{"a":9.0}','01a1f82f1e8070008080efbcf14741b6');
INSERT INTO "prediction_inputs" VALUES('{"a":10.0}','01a1f82f1e8070009442e3e3325b2b89');
INSERT INTO "prediction_inputs" VALUES('{"a":11.0}','01a1f82f1e807000836bcf2e0a9d5e10');
INSERT INTO "prediction_inputs" VALUES('{"a":12.0}','01a1f82f1e807000985ba3d3973f065d');
INSERT INTO "prediction_inputs" VALUES('{"a":13.0}','01a1f82f1e8070009308af085b5c89bf');
INSERT INTO "prediction_inputs" VALUES('{"a":14.0}','01a1f82f1e80700083d6a91739d1d77a');
INSERT INTO "prediction_inputs" VALUES('{"a":15.0}','01a1f82f1e8070008e07d84cfe39d5ea');
INSERT INTO "prediction_inputs" VALUES('{"a":16.0}','01a1f82f1e8070009d796a9334ba737f');
INSERT INTO "prediction_inputs" VALUES('{"a":17.0}','01a1f82f1e8070008b0a8b176cdb4d0c');
INSERT INTO "prediction_inputs" VALUES('{"a":18.0}','01a1f82f1e8070008535606938f6e24c');
INSERT INTO "prediction_inputs" VALUES('{"a":19.0}','01a1f82f1e8070008108e9f57d09cbab');
INSERT INTO "prediction_inputs" VALUES('{"a":20.0}','01a1f82f1e8070009482efe2b6aed51f');
INSERT INTO "prediction_inputs" VALUES('{"a":21.0}','01a1f82f1e80700092d5fc1fdce0eca3');
INSERT INTO "prediction_inputs" VALUES('{"a":22.0}','01a1f82f1e8070009bf261ca9322da35');
INSERT INTO "prediction_inputs" VALUES('{"a":23.0}','01a1f82f1e807000912d13eea587ec18');
INSERT INTO "prediction_inputs" VALUES('{"a":24.0}','01a1f82f1e8070008d78a9414395c645');
INSERT INTO "prediction_inputs" VALUES('{"a":25.0}','01a1f82f1e8070009d0a1505c7258020');
INSERT INTO "prediction_inputs" VALUES('{"a":26.0}','01a1f82f1e80700081ea111183f79dcb');
INSERT INTO "prediction_inputs" VALUES('{"a":27.0}','01a1f82f1e80700084bf4a3403ec8adf');
INSERT INTO "prediction_inputs" VALUES('{"a":28.0}','01a1f82f1e8070008c89280ed65f36a9');
INSERT INTO "prediction_inputs" VALUES('{"a":29.0}','01a1f82f1e8070008c2c874f63d9dcd4');
INSERT INTO "prediction_inputs" VALUES('{"a":30.0}','01a1f82f1e80700098192ae53976c1e1');
INSERT INTO "prediction_inputs" VALUES('{"a":31.0}','01a1f82f1e8070008e38163f085472f8');
INSERT INTO "prediction_inputs" VALUES('{"a":32.0}','01a1f82f1e8070009bf784d91a1e9ee7');
INSERT INTO "prediction_inputs" VALUES('{"a":33.0}','01a1f82f1e8070009330adee07cb4277');
INSERT INTO "prediction_inputs" VALUES('{"a":34.0}','01a1f82f1e8070009d2f3c3e9a27855e');
INSERT INTO "prediction_inputs" VALUES('{"a":35.0}','01a1f82f1e807000944dde3c0c522097');
INSERT INTO "prediction_inputs" VALUES('{"a":36.0}','01a1f82f1e8070009e9ab161c92396ae');
INSERT INTO "prediction_inputs" VALUES('{"a":37.0}','01a1f82f1e8070008ebe4c06ded45b6e');
INSERT INTO "prediction_inputs" VALUES('{"a":38.0}','01a1f82f1e80700086a70ed6dae64672');
INSERT INTO "prediction_inputs" VALUES('{"a":39.0}','01a1f82f1e8070009180171baacdb93a');
CREATE TABLE predictions (
	id TEXT NOT NULL, 
	timestamp TEXT NOT NULL, 
	model_version TEXT, 
	user_id TEXT, 
	prediction TEXT, 
	continuous BOOLEAN NOT NULL, 
	probability TEXT, 
	response_time FLOAT, 
	error TEXT, 
	actual TEXT, 
	actual_continuous BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "predictions" VALUES('01a1f82f1e807000877ee800dbf56e26','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.0,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070008f9e6e65ab0f2e74','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.01,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e807000933c079f75943d4d','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.02,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009227add0f07a0082','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.03,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e80700093c95345779559d6','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.04,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e807000950f2fc342a46db4','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.05,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009a79731370801593','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.06,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070008326b4cb2742bd97','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.07,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e80700088e9e718d75f4b26','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.08,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070008080efbcf14741b6','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.09,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009442e3e3325b2b89','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.1,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e807000836bcf2e0a9d5e10','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.11,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e807000985ba3d3973f065d','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.12,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009308af085b5c89bf','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.13,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e80700083d6a91739d1d77a','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.14,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070008e07d84cfe39d5ea','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.15,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009d796a9334ba737f','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.16,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070008b0a8b176cdb4d0c','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.17,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070008535606938f6e24c','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.18,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070008108e9f57d09cbab','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.19,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009482efe2b6aed51f','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.2,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e80700092d5fc1fdce0eca3','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.21,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009bf261ca9322da35','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.22,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e807000912d13eea587ec18','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.23,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070008d78a9414395c645','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.24,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009d0a1505c7258020','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.25,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e80700081ea111183f79dcb','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.26,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e80700084bf4a3403ec8adf','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.27,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070008c89280ed65f36a9','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.28,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070008c2c874f63d9dcd4','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.29,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e80700098192ae53976c1e1','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.3,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070008e38163f085472f8','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.31,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009bf784d91a1e9ee7','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.32,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009330adee07cb4277','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.33,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009d2f3c3e9a27855e','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.34,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e807000944dde3c0c522097','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',3.50000000000000033306e-01,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009e9ab161c92396ae','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.36,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070008ebe4c06ded45b6e','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.37,NULL,'0',0);
INSERT INTO "predictions" VALUES('01a1f82f1e80700086a70ed6dae64672','2026-11-20T09:00:00.000000+00:00','1.10.0','u','0',0,'0.5',0.38,NULL,'1',0);
INSERT INTO "predictions" VALUES('01a1f82f1e8070009180171baacdb93a','2026-11-20T09:00:00.000000+00:00','1.10.0','u','1',0,'0.5',0.39,NULL,'1',0);
CREATE TABLE store_settings (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "store_settings" VALUES('schema','1');
INSERT INTO "store_settings" VALUES('schema/data_versions','3');
INSERT INTO "store_settings" VALUES('schema/data_chunks','2');
INSERT INTO "store_settings" VALUES('schema/registry','2');
INSERT INTO "store_settings" VALUES('schema/predictions','1');
INSERT INTO "store_settings" VALUES('schema/alerts','1');
CREATE INDEX blob_refs_digest ON blob_refs (digest);
CREATE INDEX model_ledger_subject ON model_ledger (kind, name, subject, seq, "key");
CREATE INDEX model_versions_digest ON model_versions (digest);
CREATE INDEX model_versions_live ON model_versions (name, finished, sort_key) WHERE state = 'live';
CREATE INDEX predictions_time ON predictions (timestamp, id);
CREATE INDEX prediction_feedback_id ON prediction_feedback (prediction_id);
CREATE INDEX alerts_firing ON alerts (resolved_at, type);
COMMIT;
